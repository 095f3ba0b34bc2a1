"""The page on bringing a proxy of one's own: code that is shown, and what it prints when run.

What a reader sees is what ran: a listing is a text here, shown as it stands, and executed in an
empty folder where the page shows its output. Listings that need a model of the reader's are shown
and not run; a test runs those too, with a tiny model in the place of FOLDER.
"""

import contextlib
import io
import tempfile

import pandas as pd
from IPython.display import Markdown

from proxylab.bias import BIASES
from proxylab.tables import show_table

FUNCTION = '''
import numpy as np
from proxylab.audit import audit
from proxylab.rewards.interface import CallableReward

def brevity(prompts, responses):
    """A rule of thumb: the fewer words, the better."""
    return np.array([-len(text.split()) for text in responses])

proxy = CallableReward("brevity", brevity)
card = audit(proxy)
print(card.to_markdown())
'''

FOLDER = """
from proxylab.audit import audit
from proxylab.rewards.loading import load_proxy
from proxylab.rewards.self_test import self_test

proxy = load_proxy("FOLDER")  # or a hub id; a cost model: orientation=-1
self_test(proxy)  # an error that says which check failed
print(audit(proxy).to_markdown())
"""

WRITE = """
from proxylab.audit import english_probes, write_probes

write_probes("probes.jsonl", english_probes())  # a line each: pair_id, prompt, chosen, rejected
"""

ELSEWHERE = """
import pandas as pd

pairs = pd.read_json("probes.jsonl", lines=True)
scores = pd.DataFrame({"pair_id": pairs["pair_id"]})
for side in ("chosen", "rejected"):  # here: the more question marks, the better
    scores[f"score_{side}"] = pairs[side].str.count(r"\\?")
scores.to_csv("scores.csv", index=False)
"""

READ = """
from proxylab.audit import audit
from proxylab.rewards.score_files import read_scores

proxy = read_scores("scores.csv")  # also .jsonl and .parquet
print(proxy.report.summary())
card = audit(proxy)
columns = ["family", "value", "low", "high", "n", "verdict"]
print(card.tested[columns].round(2).to_string(index=False))
"""

BIAS = '''
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from proxylab.bias import ScoreBias, register_bias

@register_bias
@dataclass(frozen=True)
class Cheerfulness(ScoreBias):
    """Add `dose` reward units an exclamation mark."""

    name: ClassVar[str] = "cheerfulness"
    unit: ClassVar[str] = "reward units an exclamation mark"
    bounds: ClassVar[tuple[float, float]] = (-np.inf, np.inf)
    dose: float

    def biased(self, rewards, prompts, responses):
        return rewards + self.dose * np.array([text.count("!") for text in responses])
'''

BIAS_TEST = """
import numpy as np
from proxylab.bias import make_bias

def test_cheerfulness_pays_for_exclamation_marks_and_nothing_else():
    rewards, prompts, responses = np.zeros(3), ["Hello"] * 3, ["Yes", "Yes!", "Yes!!"]
    half = make_bias("cheerfulness", 0.5)
    assert half.biased(rewards, prompts, responses).tolist() == [0.0, 0.5, 1.0]
    none = make_bias("cheerfulness", 0.0)
    assert none.biased(rewards, prompts, responses).tolist() == [0.0, 0.0, 0.0]
"""

USE = """
from proxylab.bias import BiasedReward, make_bias

cheered = BiasedReward(proxy, [make_bias("cheerfulness", 2.0)])
texts = ["Sure.", "Sure!"]
print(proxy.score(["May I?"] * 2, texts), "without,", cheered.score(["May I?"] * 2, texts), "with")
"""

LISTINGS = {
    "function": FUNCTION,
    "folder": FOLDER,
    "write": WRITE,
    "elsewhere": ELSEWHERE,
    "read": READ,
    "bias": BIAS,
    "bias test": BIAS_TEST,
    "use": USE,
}


def listing(name: str) -> Markdown:
    """A listing as a block of code."""
    return Markdown(f"```python\n{LISTINGS[name].strip()}\n```\n")


def run(*names: str, space: dict | None = None) -> str:
    """What the listings print, run one after another in one name space and an empty folder.

    Arguments: `space`, the name space to use and fill, by default a new one.
    """
    space = {"__name__": "own_proxy_listing"} if space is None else space
    said = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as empty,
        contextlib.chdir(empty),
        contextlib.redirect_stdout(said),
    ):
        for name in names:
            exec(compile(LISTINGS[name], f"listing: {name}", "exec"), space)
    return said.getvalue()


def function_card() -> Markdown:
    """The report card that the first listing prints."""
    return Markdown(run("function"))


def file_card() -> Markdown:
    """What reading the score file prints: its read report, and the findings."""
    return Markdown(f"```\n{run('write', 'elsewhere', 'read').rstrip()}\n```\n")


def bias_output() -> Markdown:
    """What the bias of one's own does to two replies; its test passes on the way."""
    before, space = dict(BIASES), {"__name__": "own_proxy_listing"}
    try:
        run("function", "bias", "bias test", space=space)
        space["test_cheerfulness_pays_for_exclamation_marks_and_nothing_else"]()
        return Markdown(f"```\n{run('use', space=space).strip()}\n```\n")
    finally:  # a page adds nothing to the registry
        BIASES.clear()
        BIASES.update(before)


def biases_table() -> Markdown:
    """The biases that exist, and the unit of their dose."""
    table = pd.DataFrame(
        [{"bias": name, "unit of the dose": kind.unit} for name, kind in sorted(BIASES.items())]
    )
    return show_table(
        table,
        label="own-biases",
        caption="Biases that can be injected by name; dose 0 is none.",
        text=("bias", "unit of the dose"),
    )
