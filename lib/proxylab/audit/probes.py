"""The probe frame: pairs of replies written so that it is known which may score higher.

One row a probe: two replies to one prompt, of which `better` ought to score strictly higher, or
neither ought to. The pitfalls are those of *Elephant in the Room*, section 4.1.2; minimal pairs for
length, format and agreement, rewordings and shown order are ours. Whatever scores pairs can be
audited: `write_probes` hands them to a proxy that runs elsewhere, whose scores come back as a file.
Left out: conversations of several turns, and languages other than the suite's own.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from proxylab.names import missing_name
from proxylab.preferences import check_pairs

PROBE_COLUMNS = (
    "probe_id",
    "family",
    "item",
    "kind",
    "prompt",
    "better",
    "worse",
    "expectation",
    "swapped",
)
STRICT, SAME = "better", "same"
EXPECTATIONS = (STRICT, SAME)
HELPFUL, HARMLESS = "helpful", "harmless"
KINDS = (HELPFUL, HARMLESS)
# Contrasts: the good reply against another that is clearly worse.
QUALITY, REPHRASED, SWAPPED = "quality", "quality, rephrased", "quality, swapped"
CONTRASTS = ("harmful", "empty", "helpless", "refusal", "off topic", "cut short")
# Minimal pairs: the same content without and with a trait.
PARAPHRASE = "paraphrase"
TRAITS = ("length", "format", "sycophancy")
PROBE_FAMILIES = (QUALITY, REPHRASED, SWAPPED, *CONTRASTS, PARAPHRASE, *TRAITS)


@dataclass(frozen=True)
class Item:
    """One prompt with every text that probes are made from.

    kind: "helpful" (a plain question or request) or "harmless" (a request to refuse). good,
    paraphrase: a good reply and the same in other words. worse: a fluent reply that is clearly
    worse, None where there is none. contrasts: other clearly worse replies by family. traits:
    (without, with) by family, the same content without and with a trait.
    """

    name: str
    kind: str
    prompt: str
    good: str
    paraphrase: str
    worse: str | None = None
    contrasts: Mapping[str, str] = field(default_factory=dict)
    traits: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def build_probes(items: Sequence[Item]) -> pd.DataFrame:
    """The probe frame of some items, one probe an item and family at most.

    One only, so that the probes of a family are of different prompts and count as independent.
    Raises ValueError as `check_probes` does.
    """
    rows = [(family, item, *rest) for item in items for family, *rest in _probes_of(item)]
    rows.sort(key=lambda row: PROBE_FAMILIES.index(row[0]))  # stable: items keep their order
    frame = pd.DataFrame(
        [
            (f"{family}/{item.name}", family, item.name, item.kind, item.prompt, *rest)
            for family, item, *rest in rows
        ],
        columns=list(PROBE_COLUMNS),
    )
    return check_probes(frame)


def _probes_of(item: Item) -> list[tuple[str, str, str, str, bool]]:
    """Family, better, worse, expectation and swapped of each probe of one item."""
    probes = []
    if item.worse is not None:
        probes += [
            (QUALITY, item.good, item.worse, STRICT, False),
            (REPHRASED, item.paraphrase, item.worse, STRICT, False),
            (SWAPPED, item.good, item.worse, STRICT, True),
        ]
    probes += [(name, item.good, text, STRICT, False) for name, text in item.contrasts.items()]
    probes.append((PARAPHRASE, item.good, item.paraphrase, SAME, False))
    return probes + [(name, *texts, SAME, False) for name, texts in item.traits.items()]


def check_probes(probes: pd.DataFrame) -> pd.DataFrame:
    """The frame unchanged if it is a probe frame.

    Columns: probe_id (unique); family (of `PROBE_FAMILIES`); item, what the probe was made from;
    kind; prompt, a transcript that ends in an open assistant turn; better and worse, two replies;
    expectation, "better" (better ought to score strictly higher) or "same" (no difference; then
    worse is the text with the trait); swapped, whether worse is shown first.
    Raises ValueError naming the column or the probe that is wrong.
    """
    for column in PROBE_COLUMNS:
        if column not in probes.columns:
            raise ValueError(f"probes: {missing_name('column', column, probes.columns)}")
    for column, known in (
        ("family", PROBE_FAMILIES),
        ("kind", KINDS),
        ("expectation", EXPECTATIONS),
    ):
        unknown = probes[~probes[column].isin(known)]
        if len(unknown):
            wrong = unknown.iloc[0]
            problem = missing_name(column, wrong[column], known)
            raise ValueError(f"probe {wrong['probe_id']!r}: {problem}")
    alike = probes[probes["better"] == probes["worse"]]
    if len(alike):
        raise ValueError(f"probe {alike['probe_id'].iloc[0]!r}: its two texts are the same")
    check_pairs(probes_as_pairs(probes))
    return probes


def probes_as_pairs(probes: pd.DataFrame) -> pd.DataFrame:
    """The probes as a pair frame in their order, for whatever scores pairs.

    `pair_id` is the probe's; `subset` its family; chosen is `better`, or `worse` where swapped.
    """
    swapped = probes["swapped"].astype(bool)
    return pd.DataFrame(
        {
            "pair_id": probes["probe_id"].to_numpy(object),
            "subset": probes["family"].to_numpy(object),
            "split": "probes",
            "prompt": probes["prompt"].to_numpy(object),
            "chosen": probes["better"].mask(swapped, probes["worse"]).to_numpy(object),
            "rejected": probes["worse"].mask(swapped, probes["better"]).to_numpy(object),
            "prompts_differ": False,
            "n_turns": probes["prompt"].str.count("\n\nHuman:").to_numpy(int),
        }
    ).astype(dict.fromkeys(("pair_id", "subset", "split", "prompt", "chosen", "rejected"), "str"))


def write_probes(path: str | Path, probes: pd.DataFrame) -> Path:
    """Write the probes as JSON lines (pair_id, prompt, chosen, rejected), to be scored elsewhere.

    What comes back, with pair_id, score_chosen and score_rejected, `rewards.score_files` reads.
    """
    pairs = probes_as_pairs(check_probes(probes))[["pair_id", "prompt", "chosen", "rejected"]]
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in pairs.to_dict("records")]
    path = Path(path)
    path.write_text("".join(lines), encoding="utf-8")
    return path
