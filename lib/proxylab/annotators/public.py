"""Two public data sets of real votes: PandaLM's test set and UKPConvArg1.

They stand in for the relabelling votes of Elephant, section 3.2.1, which were never published.
Neither has a recorded label, so here "chosen" means the first response (`response1`, `a1`) and
"rejected" the second; `cleaning.relabel_one_out` makes one annotator's vote the recorded label.
Agreement needs only the votes; the texts are there for whoever scores them, as a pair frame whose
pair_ids are those of the votes. Left out: what else the files say of an item.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from proxylab.annotators.votes import votes_frame
from proxylab.names import missing_name
from proxylab.preferences.lines import read_json_lines, text_field
from proxylab.preferences.schema import PreferenceError, ReadReport, check_pairs

PANDALM_FILE = "testset.jsonl.gz"
PANDALM_ANNOTATORS = ("annotator1", "annotator2", "annotator3")
PANDALM_CHOICES = {0: "tie", 1: "chosen", 2: "rejected"}
UKP_FILE = "votes.jsonl.xz"
UKP_CHOICES = {"a1": "chosen", "a2": "rejected", "equal": "tie"}

Ballots = list[tuple[str, str]]  # (annotator, choice) of one pair
Texts = tuple[str, str, str]  # question, first response, second response


def read_pandalm(folder: str | Path) -> tuple[pd.DataFrame, ReadReport]:
    """PandaLM's 999 test items with three annotators each, as votes.

    Arguments: the folder of testset.jsonl.gz, or one whose child `pandalm` holds it.
    Returns votes and report, whose counts are of items; raises PreferenceError if the file is
    not there. Source: Wang et al. 2023 (arXiv 2306.05087).
    """
    return _read(folder, "pandalm", PANDALM_FILE, "pandalm/test", _pandalm_ballots)


def read_ukpconvarg1(folder: str | Path) -> tuple[pd.DataFrame, ReadReport]:
    """UKPConvArg1's 16,927 argument pairs with five crowd votes each, as votes.

    Arguments: the folder of votes.jsonl.xz, or one whose child `ukpconvarg1` holds it.
    Returns votes and report, whose counts are of items; raises PreferenceError if the file is
    not there. Source: Habernal and Gurevych 2016 (ACL, P16-1150).
    """
    return _read(folder, "ukpconvarg1", UKP_FILE, "ukpconvarg1/all", _ukp_ballots)


def read_pandalm_pairs(folder: str | Path) -> tuple[pd.DataFrame, ReadReport]:
    """The texts of PandaLM's test items: the instruction (and input), `response1`, `response2`.

    Arguments and errors as for `read_pandalm`. Returns a pair frame and the report; items that
    share an instruction share a prompt.
    """
    return _read_pairs(folder, "pandalm", PANDALM_FILE, "pandalm/test", _pandalm_texts)


def read_ukpconvarg1_pairs(folder: str | Path) -> tuple[pd.DataFrame, ReadReport]:
    """The texts of UKPConvArg1: the question debated and the side taken, `a1`, `a2`.

    Arguments and errors as for `read_ukpconvarg1`. Returns a pair frame and the report; all
    arguments for one side of a debate share a prompt, of which there are 32.
    """
    return _read_pairs(folder, "ukpconvarg1", UKP_FILE, "ukpconvarg1/all", _ukp_texts)


def _read_pairs(folder, child, file, prefix, texts) -> tuple[pd.DataFrame, ReadReport]:
    path = _find(Path(folder), child, file)
    rows, report = read_json_lines(path, texts, name=f"{child}/{file}")
    subset, split = prefix.split("/")
    pairs = [
        {
            "pair_id": f"{prefix}/{number:06d}",
            "subset": subset,
            "split": split,
            "prompt": f"\n\nHuman: {question}\n\nAssistant:",
            "chosen": first,
            "rejected": second,
            "prompts_differ": False,
            "n_turns": 1,
        }
        for number, (question, first, second) in rows
    ]
    return check_pairs(pd.DataFrame(pairs)), report


def _pandalm_texts(row: dict[str, Any]) -> Texts:
    question = "\n\n".join(
        part for key in ("instruction", "input") if (part := text_field(row, key).strip())
    )
    return question, text_field(row, "response1").strip(), text_field(row, "response2").strip()


def _ukp_texts(row: dict[str, Any]) -> Texts:
    question = f"{text_field(row, 'title').strip()} {text_field(row, 'stance').strip()}"
    return question, text_field(row, "a1").strip(), text_field(row, "a2").strip()


def _read(folder, child, file, prefix, ballots) -> tuple[pd.DataFrame, ReadReport]:
    path = _find(Path(folder), child, file)
    rows, report = read_json_lines(path, ballots, name=f"{child}/{file}")
    flat = [
        (f"{prefix}/{number:06d}", annotator, choice)
        for number, votes in rows
        for annotator, choice in votes
    ]
    return votes_frame(*zip(*flat, strict=True)), report


def _find(folder: Path, child: str, file: str) -> Path:
    places = [folder / file, folder / child / file]
    for path in places:
        if path.is_file():
            return path
    raise PreferenceError(f"no such file: neither {places[0]} nor {places[1]}")


def _pandalm_ballots(row: dict[str, Any]) -> Ballots:
    return [(name, _choice(row, name, PANDALM_CHOICES)) for name in PANDALM_ANNOTATORS]


def _ukp_ballots(row: dict[str, Any]) -> Ballots:
    ballots = row.get("votes")
    if not isinstance(ballots, list) or not all(_is_couple(ballot) for ballot in ballots):
        raise ValueError("'votes' must be a list of [annotator, vote]")
    return [
        (f"worker-{worker}", _choice({"vote": vote}, "vote", UKP_CHOICES))
        for worker, vote in ballots
    ]


def _is_couple(ballot: Any) -> bool:
    return isinstance(ballot, list) and len(ballot) == 2


def _choice(row: dict[str, Any], key: str, choices: dict[Any, str]) -> str:
    if key not in row:
        raise ValueError(missing_name("key", key, row))
    for value, choice in choices.items():
        if row[key] == value:
            return choice
    raise ValueError(missing_name(f"{key} value", str(row[key]), choices))
