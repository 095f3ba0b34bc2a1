"""What a deviation changes, read from the pages' own comparisons; by the name in the list.

Each function takes a profile and returns a line of Markdown with interval, seeds and verdict; it
raises MissingResults where its runs have no result. Nothing is estimated here. Left out: effects
that would need what is not to be had, such as the papers' models.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from proxylab.conflict import RELEASED_SAMPLES, RELEASED_THRESHOLDS, independence_level, pacs
from proxylab.pages import cleaning, reward_models
from proxylab.pages.ablations.variants import variant_changes
from proxylab.pages.conflict_metrics.cells import cells
from proxylab.pages.dpo import quality
from proxylab.pages.method.example import LOGPROB, REWARD, z_scores
from proxylab.pages.ppo import slopes
from proxylab.pages.pro import wins
from proxylab.pages.shf_cas import cost, faults, overview, rows, trained_policy
from proxylab.pages.usual import usual
from proxylab.results import MissingResults, load_runs
from proxylab.shf_cas import FAULTS
from proxylab.tables import interval_text, joined, number

CONFLICT = "conflict"
VERIFY = "verify_optimisers"
RULERS = ("longest", "shortest")
RELEASED_CONSTANT = 1e-8  # of the released code, added to each standard deviation [C]
MIXED, STANDARD = "mixed", "standard"
SET_BY = {"refit from scratch": {"refit": "scratch"}, "one round": {"rounds": 1}}


def relabelling(profile: str) -> str:
    """Share called Same by annotators and by the committee, beside the truth."""
    table = cleaning.share_rows(profile).set_index("who")["Same"]
    shares = {who: table.get(f"world: {who}") for who in ("truth", "four annotators", "committee")}
    said = ", ".join(
        f"{who} {number(x, 1)}" for who, x in shares.items() if x is not None and x == x
    )
    return f"share called Same in the world, %: {said}"


def cleaned_accuracy(profile: str) -> str:
    """Accuracy of the reward model trained on cleaned pairs less that on raw ones."""
    table = reward_models.comparisons(profile, reward_models.WORLD)
    own = table[(table["a"] == "trained on cleaned") & (table["b"] == "trained on raw")]
    own = own.set_axis(["cleaned − raw"] * len(own))
    if own.empty:
        raise MissingResults("train_reward_model", profile=profile)
    return f"points of accuracy by training pairs: {_contrasts(own, digits=1, percent=True)}"


def rulers(profile: str) -> str:
    """Accuracy of the null rulers on the cleaned union of the test sets."""
    table = reward_models.accuracy_rows(profile, reward_models.WORLD)
    own = table[(table["labels"] == "cleaned") & (table["subset"] == MIXED)]
    own = own[own["model"].isin(RULERS)]
    if own.empty:
        raise MissingResults("measure_rulers", profile=profile)
    texts = joined(own, digits=1, percent=True)
    said = "; ".join(f"{name} {text}" for name, text in zip(own["model"], texts, strict=True))
    return f"accuracy of rulers that know nothing, %: {said}"


def as_few_raw(profile: str) -> str:
    """Gold gained by cleaning, and against as few published pairs."""
    table = quality.gains(profile)
    own = table[(table["subset"] == MIXED) & (table["size"] == STANDARD)]
    wanted = ["cleaned − raw", "cleaned − as few raw"]
    own = own[own["comparison"].isin(wanted)]  # "as few" is not run in every profile
    if own.empty:
        raise MissingResults("align", profile=profile, where={"algorithm": "dpo"})
    return _contrasts(own.set_index("comparison"))


def slope(profile: str) -> str:
    """Gold for ten points of accuracy."""
    found = slopes.slope_of(profile, "accuracy").interval
    clear = "clear" if found.low > 0 or found.high < 0 else "noise"
    return f"gold for ten points of accuracy: {interval_text(found)}, {_seeds(found.n)}: {clear}"


def ppo_distance(profile: str) -> str:
    """How far PPO ends from the exact optimum of a problem that can be enumerated."""
    run = load_runs(VERIFY, profile=profile, where=usual(VERIFY, profile))[0]
    table = run.table("convergence")
    own = table[table["algorithm"] == "ppo"].sort_values("step")
    said = [
        f"at β {beta:g} {number(part['kl_to_optimum'].iloc[0], 3)} before and "
        f"{number(part['kl_to_optimum'].iloc[-1], 3)} after"
        for beta, part in own.groupby("set_beta")
    ]
    return f"nats from the exact optimum, {'; '.join(said)}; 1 seed"


def pro_net(profile: str) -> str:
    """Win less lose with the good reward model less with the poor one."""
    table = wins.net_differences(profile)
    if table.empty:
        raise MissingResults("align", profile=profile, where={"algorithm": "pro"})
    own = table[table["subset"] == MIXED].set_index("comparison")
    return f"win less lose in points, {_contrasts(own, percent=True)}"


def constant(profile: str) -> str:
    """What the released code's constant changes in PACS on the worked example."""
    exact = pacs(REWARD, LOGPROB)
    with_constant = _shrunk(REWARD) - _shrunk(LOGPROB)
    largest = np.abs(exact - with_constant).max()
    return f"at most {largest:.0e} of PACS on the example of [the method](method.ipynb)"


def _shrunk(values: np.ndarray) -> np.ndarray:
    sd = values.std(axis=1, keepdims=True)
    return z_scores(values) * sd / (sd + RELEASED_CONSTANT)


def undefined(profile: str) -> str:
    """How many prompts have no conflict, or no truth to judge the proxy by."""
    table = cells(profile)
    own = table[table["quadrant"] == "all prompts"]
    said = [f"{row.task} {row.n_undefined:,} of {row.n_prompts:,}" for row in own.itertuples()]
    return f"prompts left out of the areas as undefined: {'; '.join(said)}"


def threshold(profile: str) -> str:
    """How many prompts of an unrelated proxy and policy exceed the released thresholds."""
    said = [
        f"{100 * independence_level(value, RELEASED_SAMPLES):.0f} % exceed {value:g}"
        for value in sorted(RELEASED_THRESHOLDS.values())
    ]
    return (
        f"of prompts with {RELEASED_SAMPLES} completions on which proxy and policy are unrelated, "
        f"{' and '.join(said)} (exact up to simulation)"
    )


def variant(profile: str, *, starts: str) -> str:
    """What a variant of the loop does to conflict's gain over random labels."""
    table = variant_changes(profile)
    own = table[table["variant"].str.startswith(starts)]
    if own.empty:
        raise MissingResults(rows.NOTEBOOK, profile=profile, where=SET_BY.get(starts))
    said = _contrasts(own.set_index(own["task"] + ", " + own["measure"]))
    return f"the other way (*{own['variant'].iloc[0]}*), change of conflict's gain: {said}"


def trained(profile: str) -> str:
    """Conflict's labels less random ones, by PPO and by the exact optimum."""
    table = trained_policy.contrast_rows(profile)
    own = table[table["comparison"] == "conflict − random"]
    return f"gold, conflict − random labels: {_contrasts(own.set_index('method'))}"


def selector(profile: str, *, name: str) -> str:
    """Gold of one selector less random selection, by task."""
    found = []
    for task in overview.tasks(profile):
        table = rows.against_random(profile, task)
        own = table[(table["selector"] == name) & (table["measure"] == "gold")]
        found.append(own.assign(task=task))
    own = pd.concat(found)
    if own.empty:
        raise MissingResults(rows.NOTEBOOK, profile=profile)
    own = own.assign(verdict=[rows.DIRECTIONS[rows.verdict(row)] for row in own.itertuples()])
    return f"gold, {name.replace('_', ' ')} − random: {_contrasts(own.set_index('task'), digits=3)}"


def refined(profile: str) -> str:
    """Change of mean conflict of the refined reward model by the full budget."""
    table = overview.final_changes(profile, cost.CONFLICTS)
    own = table[(table["measure"] == "conflict_proxy") & (table["selector"] == CONFLICT)]
    said = _contrasts(own.set_index("task"), digits=3)
    return f"change of mean abs. PACS by the full budget: {said}"


def fault(profile: str, *, name: str) -> str:
    """What one fault of the released code does to gold reward and accuracy."""
    table = faults.fault_effects(profile)
    own = table[(table["fault"] == name) & (table["selector"] == CONFLICT)]
    moved = own[(own["high"] > own["low"]) | (own["value"] != 0)]
    if own.empty:
        raise MissingResults(rows.NOTEBOOK, profile=profile)
    names = moved["task"] + ", " + moved["measure"]
    return f"switched on: {_contrasts(moved.set_index(names), digits=3)}"


def _contrasts(table: pd.DataFrame, *, digits: int = 2, percent: bool = False) -> str:
    """'name value [low, high], verdict' of each row, named by the index, and the seeds at last."""
    texts = joined(table, digits=digits, percent=percent)
    said = [
        f"{name} {text}, {verdict}"
        for name, text, verdict in zip(table.index, texts, table["verdict"], strict=True)
    ]
    fewest, most = table["n_seeds"].min(), table["n_seeds"].max()
    seeds = _seeds(most) if fewest == most else f"{int(fewest)} to {_seeds(most)}"
    return f"{'; '.join(said)} ({seeds})"


def _seeds(n: float) -> str:
    return f"{int(n)} {'seed' if n == 1 else 'seeds'}"


MEASURES: dict[str, Callable[[str], str]] = {
    "relabelling": relabelling,
    "cleaned_accuracy": cleaned_accuracy,
    "rulers": rulers,
    "as_few_raw": as_few_raw,
    "slope": slope,
    "ppo_distance": ppo_distance,
    "pro_net": pro_net,
    "constant": constant,
    "undefined": undefined,
    "threshold": threshold,
    "per_token": partial(variant, starts="log-prob. per token"),
    "one_round": partial(variant, starts="one round"),
    "noise": partial(variant, starts="annotator noise"),
    "scratch": partial(variant, starts="refit from scratch"),
    "trained": trained,
    "rso": partial(selector, name="rso"),
    "random_pairs": partial(selector, name="random_pairs"),
    "refined": refined,
} | {f"fault:{name}": partial(fault, name=name) for name in FAULTS}
