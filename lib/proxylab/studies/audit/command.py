"""`proxylab audit`: a proxy from one line of text, self-tested and audited, on the terminal.

Any source of `rewards.loading`. The English suite by default; the controlled world's, with labelled
pairs of that world, for proxies that read its words. Left out: biases and several seeds, which the
run notebook `audit` has.
"""

import argparse
import json
from pathlib import Path

import pandas as pd

from proxylab.audit import ReportCard, audit, english_probes, write_probes
from proxylab.names import missing_name
from proxylab.preferences import check_pairs, load_preferences
from proxylab.profiles import load_profile
from proxylab.rewards.loading import FORMS, load_proxy
from proxylab.runs import Audit
from proxylab.studies.audit.setting import Setting
from proxylab.studies.data import WORLD, real_data_folder
from proxylab.world.lexicon import PROXY_TOPICS

ENGLISH = "english"
PAIR_FIELDS = ("pair_id", "prompt", "chosen", "rejected")


def run(options: argparse.Namespace) -> str:
    """Do what the options of `proxylab audit` ask for, and return what to print.

    Raises ValueError (a ProxyLoadError for the proxy itself) that says what is wrong.
    """
    if options.source is None and options.write_probes is None:
        raise ValueError("audit needs a proxy, or --write-probes FILE.jsonl\n" + FORMS)
    if options.pairs is not None and options.data is not None:
        raise ValueError("--data and --pairs both name labelled pairs: give one of them")
    setting = _world(options) if WORLD in (options.data, options.probes) else None
    probes = _probes(options, setting)
    said = []
    if options.write_probes is not None:
        write_probes(options.write_probes, probes)
        said.append(_written(options.write_probes, len(probes)))
    if options.source is not None:
        said.append(_audited(options, probes, _pairs(options, setting)))
    return "\n\n".join(said)


def _world(options: argparse.Namespace) -> Setting:
    """The world of the seed, with its suite and its pairs."""
    asked = Audit(profile=options.profile, seed=options.seed, data=WORLD, probes=WORLD)
    return Setting(asked, load_profile(options.profile))


def _probes(options: argparse.Namespace, setting: Setting | None) -> pd.DataFrame:
    if setting is None or options.probes == ENGLISH:
        return english_probes()
    return setting.probes(options.source or "", PROXY_TOPICS)


def _pairs(options: argparse.Namespace, setting: Setting | None) -> pd.DataFrame | None:
    """The labelled pairs that were asked for, None without any."""
    if options.pairs is not None:
        is_folder = options.pairs.is_dir()
        return _split_of(options.pairs) if is_folder else read_pairs(options.pairs)
    if options.data == WORLD:
        return setting.pairs
    if options.data is None:
        return None
    return _split_of("hub" if options.data == "hub" else real_data_folder(options.data))


def _split_of(source: str | Path) -> pd.DataFrame:
    return load_preferences(source, split="test").pairs


def read_pairs(path: Path) -> pd.DataFrame:
    """Labelled pairs from a file of JSON lines, in the form of `audit.write_probes`.

    Raises ValueError naming the file, the line and what it lacks.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file or folder of pairs")
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            rows.append(_pair(line, f"{path}, line {number}"))
    if not rows:
        raise ValueError(f"{path} holds no pair")
    return check_pairs(pd.DataFrame(rows))


def _pair(line: str, where: str) -> dict:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{where}: not JSON ({error})") from None
    if not isinstance(row, dict):
        raise ValueError(f"{where}: a line must hold an object, not {type(row).__name__}")
    for field in PAIR_FIELDS:
        if field not in row:
            raise ValueError(f"{where}: {missing_name('field', field, row)}")
        if not isinstance(row[field], str):
            raise ValueError(f"{where}: {field} must be text, is {row[field]!r}")
    kept = {field: row[field] for field in PAIR_FIELDS}
    kept |= {"subset": str(row.get("subset", "pairs")), "split": "test", "prompts_differ": False}
    return kept | {"n_turns": row["prompt"].count("\n\nHuman:")}


def _audited(options: argparse.Namespace, probes: pd.DataFrame, pairs: pd.DataFrame | None) -> str:
    """The self-test and the card of the proxy, written to --out as well."""
    chosen = {"orientation": options.orientation, "template": options.template}
    proxy = load_proxy(options.source, name=options.name, **chosen)
    card = audit(proxy, probes=probes, pairs=pairs)
    if card.n_undefined == len(card.scores):
        raise ValueError(
            f"{options.source!r} has no score for any of the {len(probes):,} probes: a score file "
            "must hold the pair_ids that --write-probes FILE.jsonl writes"
        )
    text = f"{self_test_text(card)}\n\n{card.to_markdown()}"
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")
    return text


def self_test_text(card: ReportCard) -> str:
    """The self-test as a Markdown list: every check, whether it passed, and what was seen."""
    names = (card.checks[column] for column in ("name", "passed", "detail"))
    lines = [
        f"- {name}: {'passed' if passed else 'FAILED'} ({detail})"
        for name, passed, detail in zip(*names, strict=True)
    ]
    return "Self-test:\n\n" + "\n".join(lines)


def _written(path: Path, n: int) -> str:
    return (
        f"{path}: {n:,} probes. Score them where the proxy lives, write pair_id, score_chosen and "
        "score_rejected to a .csv or .jsonl file, and audit that file."
    )
