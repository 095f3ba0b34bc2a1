"""The front page's answer in one screen: four findings and the ledger's count.

Every sentence is generated from the comparisons that the pages show, whichever way they come out; a
finding whose runs are missing says so and leaves the others as they are. What holds in the
controlled world is said to hold there, and what HH-RLHF says stands in the same sentence.
"""

from collections.abc import Callable

import pandas as pd
from IPython.display import Markdown

from proxylab.pages import reward_models
from proxylab.pages.ablations.detection import TAUGHT
from proxylab.pages.ablations.finding import finding
from proxylab.pages.alignment_rows import GOOD, POOR
from proxylab.pages.correlation import judgebench
from proxylab.pages.ledger.on_text import DATA, TASK_OF, areas, beside, feedback_gains
from proxylab.pages.ledger.rule import (
    DIFFERS,
    MIXED,
    NOT_RUN,
    SAME,
    UNTOLD,
    by_direction,
    clear_of,
    seeds_text,
)
from proxylab.pages.ledger.table import PAPERS, ledger
from proxylab.pages.ppo import outcomes
from proxylab.pages.ppo.rows import policy_name
from proxylab.pages.pro import wins
from proxylab.pages.report_cards import alarms
from proxylab.pages.report_cards import detection as audited
from proxylab.pages.shf_cas import rows as shf
from proxylab.pages.shf_cas.overview import tasks
from proxylab.pages.verdicts import HIGHER, LOWER, NOISE
from proxylab.results import MissingResults
from proxylab.tables import joined

WINS = {
    SAME: "win more",
    DIFFERS: "win less",
    MIXED: "win more on some test sets and less on others",
    UNTOLD: "cannot be told to win more",
    NOT_RUN: "have not been compared",
}
GAINS = {HIGHER: "gain gold reward", LOWER: "lose gold reward"}
NOT_TOLD = "cannot be told to gain"
REAL_TEXT, SHF_CAS = "[real text](real_text.ipynb)", "[SHF-CAS](shf_cas.ipynb)"


def findings(profile: str) -> Markdown:
    """The findings as a list: a headline, then its numbers with intervals and links to pages."""
    said = [_or_missing(find, profile) for find in (trial, conflict, feedback, optimisation)]
    return Markdown("\n".join(f"{i}. {text}" for i, text in enumerate(said, start=1)))


def _or_missing(find: Callable[[str], str], profile: str) -> str:
    try:
        return find(profile)
    except MissingResults as missing:
        return f"Not run yet in profile `{profile}`: runs of `{missing.notebook}`."


def trial(profile: str) -> str:
    """Whether published reward models can be told apart, and whether an audit finds a bias."""
    pairs = judgebench.comparison_rows(profile)
    n_told, n_pairs = int(pairs["distinguishable"].sum()), int(pairs["n"].max())
    top = audited.at_largest_dose(profile)
    alarm = alarms.alarm_rows(profile).iloc[-1]
    return (
        f"**{n_told} of {len(pairs)} comparisons between {judgebench.n_models(profile)} published "
        f"reward models on JudgeBench can be told from chance** (n = {n_pairs}; "
        "[agreement](correlation.ipynb)). In the controlled world an audit finds "
        f"{audited.n_found(top)} of {top['n'].sum()} biases injected at their largest dose, by "
        "faults that the proxy is not flagged for without the bias "
        f"({top['already'].sum()} of {top['n'].sum()} had an expected one before); false alarms: "
        f"{int(alarm['audits_with_false'])} of {int(alarm['audits'])} "
        "([report cards](report_cards.ipynb))."
    )


def conflict(profile: str) -> str:
    """Where disagreement between policy and proxy says that the proxy is wrong, and on text."""
    table, real = finding(profile), beside(areas, profile).rows
    taught, untaught = TAUGHT[True], TAUGHT[False]
    informs, also = (
        int((table[f"{name}: verdict"] == HIGHER).sum()) for name in (taught, untaught)
    )
    where_taught = ", ".join(f"{row['task']} {row[taught]}" for row in table.to_dict("records"))
    return (
        f"**In the controlled world conflict finds wrong proxies in {informs} of {len(table)} "
        f"tasks where the policy was taught, {also} where not; on {DATA} {_on_text(real)}.** AUROC "
        f"where taught: {where_taught} ({seeds_text(int(table['n_seeds'].max()))}; "
        f"[ablations](ablations.ipynb)); {DATA}: {_listed(real, REAL_TEXT)}."
    )


def feedback(profile: str) -> str:
    """Conflict-aware sampling against random selection at equal budget, and on text."""
    frames = []
    for task in tasks(profile):
        own = shf.against_random(profile, task)
        frames.append(own[_is_conflict_gold(own)].assign(task=task))
    world = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if world.empty:
        raise MissingResults(shf.NOTEBOOK, profile=profile)
    found = [beside(feedback_gains, profile, task).rows for task in TASK_OF]
    found = [rows[_is_conflict_gold(rows)] for rows in found if len(rows)]
    real = pd.concat(found, ignore_index=True) if found else pd.DataFrame({"verdict": []})
    return (
        f"**In the controlled world labels bought by conflict beat random ones in {_clear(world)} "
        f"tasks; on {DATA} {_on_text(real)}.** Gold at equal budget, conflict less random: "
        f"{_listed(world, SHF_CAS)}; {DATA}: {_listed(real, REAL_TEXT)}; {_noise(world, real)} are "
        "noise."
    )


def _is_conflict_gold(rows: pd.DataFrame) -> pd.Series:
    return (rows["selector"] == "conflict") & (rows["measure"] == "gold")


def _clear(rows: pd.DataFrame) -> str:
    """'0 of 2': how many comparisons are clear in the direction that the papers claim."""
    return f"{int((rows['verdict'] == HIGHER).sum())} of {len(rows)}"


def _on_text(rows: pd.DataFrame) -> str:
    return f"in {_clear(rows)}" if len(rows) else "not run"


def _noise(*frames: pd.DataFrame) -> str:
    """'3 of 4': how many comparisons are inside the noise."""
    verdicts = [verdict for frame in frames for verdict in frame["verdict"]]
    return f"{verdicts.count(NOISE)} of {len(verdicts)}"


def _listed(rows: pd.DataFrame, link: str) -> str:
    """'safety 0.12 [−0.02, 0.24], ... (5 seeds; link)', or that nothing was run."""
    if rows.empty:
        return f"not run ({link})"
    texts = zip(rows["task"], joined(rows), strict=True)
    said = ", ".join(f"{task} {text}" for task, text in texts)
    return f"{said} ({seeds_text(int(rows['n_seeds'].max()))}; {link})"


def optimisation(profile: str) -> str:
    """What a better reward model does for PRO and for PPO, and better data for a reward model."""
    table = wins.net_differences(profile)
    if table.empty:  # PRO was not run with both
        raise MissingResults("align", profile=profile, where={"algorithm": "pro"})
    mixed = table[table["subset"] == "mixed"]
    told, numbers = _ppo(profile)
    return (
        f"**In the controlled world PRO's policies {WINS[by_direction(table, expected=1)]} with a "
        f"better reward model; PPO's {told}.** Good less poor, "
        f"{seeds_text(int(table['n_seeds'].max()))}: PRO "
        f"{joined(mixed, digits=1, percent=True)[0]} points of win less lose ({clear_of(table)}; "
        f"[PRO](pro.ipynb)), {numbers}; {cleaning(profile)}."
    )


def _ppo(profile: str) -> tuple[str, str]:
    """What PPO's policies do with the better reward model, and the number."""
    try:
        found = outcomes.contrasts(profile)
    except MissingResults:
        found = pd.DataFrame({"comparison": []})
    own = found[found["comparison"] == f"{policy_name(GOOD)} − {policy_name(POOR)}"]
    if own.empty:
        return "have not been compared", "PPO not run with both"
    verdict = own["verdict"].iloc[0]
    return GAINS.get(verdict, NOT_TOLD), (
        f"PPO {joined(own)[0]} in gold ({_doubt(verdict)}; [PPO](ppo.ipynb))"
    )


def _doubt(verdict: str) -> str:
    return "clear after Holm" if verdict in (HIGHER, LOWER) else verdict


def cleaning(profile: str) -> str:
    """What relabelled training pairs do to a reward model, as the end of a sentence."""
    try:
        table = reward_models.comparisons(profile, reward_models.WORLD)
        pair = table[(table["a"] == "trained on cleaned") & (table["b"] == "trained on raw")]
    except MissingResults:
        pair = pd.DataFrame()
    if pair.empty:
        return "cleaned less raw data: not run"
    return (
        f"cleaned less raw data {joined(pair, digits=1, percent=True)[0]} points of accuracy "
        f"({_doubt(pair['verdict'].iloc[0])}; [reward models](reward_models.ipynb))"
    )


def ledger_sentence(profile: str) -> Markdown:
    """How many items of the papers have which verdict, with a link to the ledger."""
    table = ledger(profile)
    counts = table["verdict"].value_counts()
    said = ", ".join(f"{n} *{verdict}*" for verdict, n in counts.items())
    return Markdown(
        f"The [ledger](ledger.ipynb) sets {len(table)} items of the {len(PAPERS)} papers (tables, "
        f"figures, equations, claims) beside ours: {said}."
    )
