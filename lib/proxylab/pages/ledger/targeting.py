"""What we get for each item of Targeting Misalignment, read from the pages' own comparisons.

Each function takes a profile and returns `Found`; it raises MissingResults where its runs have no
result. Nothing is estimated here: the frames are those that the pages show.
"""

import pandas as pd
from scipy.stats import norm

from proxylab.pages.ablations.variants import variant_changes
from proxylab.pages.conflict_metrics.outcomes import outcome_shares
from proxylab.pages.conflict_metrics.simulation import notes_and_ours
from proxylab.pages.ledger import on_text
from proxylab.pages.ledger.rule import (
    ANSWERED,
    CHECKED,
    NOT_HERE,
    Found,
    by_check,
    by_direction,
    clear_of,
    seeds_text,
)
from proxylab.pages.shf_cas import (
    cost,
    faults,
    overview,
    rows,
    selectors,
    trained_policy,
)
from proxylab.pages.verdicts import HIGHER, LOWER
from proxylab.results import MissingResults
from proxylab.shf_cas import FAULTS
from proxylab.tables import joined, number

LEVEL = 0.05  # of all of the simulated values together
GOLD, ACCURACY = "gold", "accuracy"


def pacs(profile: str) -> Found:
    return Found(
        "difference of z-scores within a prompt; its identities (sum 0, mean square "
        "2 (1 − ρ)) are tested; degenerate prompts are undefined and counted",
        CHECKED,
    )


def kendall(profile: str) -> Found:
    return Found(
        "discordant pairs / all pairs; equal to (1 − τ) / 2 of scipy's without ties", CHECKED
    )


def gaussian(profile: str) -> Found:
    """Each of the notes' values against ours, in standard errors of their difference.

    The paper prints no such table: this checks our own notes, and reproduces nothing of the paper.
    """
    table = notes_and_ours(profile)
    most = norm.ppf(1 - LEVEL / (2 * len(table)))  # Bonferroni: none of so many lies farther
    near = int((table["z"] <= most).sum())
    text = (
        f"our notes' simulation made again (the paper prints none): {near} of {len(table)} values "
        f"within {most:.1f} standard errors, the farthest {number(table['z'].max(), 1)}"
    )
    return Found(text, by_check(near == len(table)))


def loop(profile: str) -> Found:
    return Found(
        "as released, with an explicit budget and rounds; selection spends exactly the budget "
        "(tested for every selector)",
        CHECKED,
    )


def coverage(profile: str) -> Found:
    return Found(
        "the world's ten topics stand in the same four quadrants, as many in each", CHECKED
    )


def settings(profile: str) -> Found:
    return Found(
        "needs the hub and a GPU: Pythia-1B, PKU-SafeRLHF and the gold cost model", NOT_HERE
    )


def shared_ignorance(profile: str) -> Found:
    """Are both wrong more often among the most conflicted prompts than among all."""
    table = outcome_shares(profile)
    own = table[table["what"] == "both wrong"]
    texts = joined(own.assign(**_points(own)), digits=1)
    said = "; ".join(f"{task} {text}" for task, text in zip(own["task"], texts, strict=True))
    real = on_text.beside(on_text.areas, profile)
    return Found(
        f"share of prompts with both wrong, most conflicted less all, in points: {said}; "
        f"{clear_of(own)}. {real.said}",
        by_direction(_together(own, real.rows), expected=1),
    )


def _together(*frames: pd.DataFrame) -> pd.DataFrame:
    """The verdicts of several frames, each judged in its own family, as one."""
    return pd.concat([frame[["verdict"]] for frame in frames], ignore_index=True)


def _points(table: pd.DataFrame) -> dict[str, pd.Series]:
    return {name: 100 * table[name] for name in ("value", "low", "high")}


def against(task: str, baselines: tuple[str, ...] = ("random", "rso")):
    """Conflict less each baseline on one task, gold and accuracy; then on text.

    Judged as the page judges: among every selector less the same baseline, in both measures.
    """

    def find(profile: str) -> Found:
        if task not in overview.tasks(profile):
            raise MissingResults(rows.NOTEBOOK, profile=profile, where={"task": task})
        found = [_conflict_less(baseline, profile, task) for baseline in baselines]
        table = pd.concat([frame for frame in found if len(frame)], ignore_index=True)
        texts = joined(table, digits=3)
        said = "; ".join(
            f"{row.measure} − {row.baseline} {text}"
            for row, text in zip(table.itertuples(), texts, strict=True)
        )
        seeds = seeds_text(table["n_seeds"].max())
        real = on_text.beside(on_text.feedback_gains, profile, task)
        return Found(
            f"{said}; {seeds}; {clear_of(table)} over {_families(table)}. {real.said}",
            by_direction(_together(table, real.rows), expected=1),
        )

    return find


def _conflict_less(baseline: str, profile: str, task: str) -> pd.DataFrame:
    """Conflict less a baseline, two rows; `family`: the comparisons that Holm's correction is over.

    Those with random are the page's own rows; the page shows no other baseline.
    """
    if baseline == rows.RANDOM:
        table = rows.against_random(profile, task)
    else:
        table = rows.with_directions(rows.compared(profile, task, baseline))
    own = table[table["selector"] == "conflict"]
    return own.assign(baseline=baseline, family=table["p"].notna().sum())


def _families(table: pd.DataFrame) -> str:
    """'22 comparisons with random and 22 with rso'."""
    first, *others = table.groupby("baseline", sort=False)["family"].max().items()
    said = [f"{first[1]} comparisons with {first[0]}", *(f"{n} with {name}" for name, n in others)]
    return " and ".join(said)


def policy(profile: str) -> Found:
    """PPO's policy, and the exact optimum, on feedback by conflict less on feedback by random."""
    table = trained_policy.contrast_rows(profile)
    own = table[table["comparison"] == "conflict − random"]
    said = "; ".join(
        f"{row.method} {text} ({seeds_text(row.n_seeds)})"
        for row, text in zip(own.itertuples(), joined(own), strict=True)
    )
    return Found(f"gold, conflict − random: {said}; {clear_of(own)}", by_direction(own, expected=1))


def refined_conflict(profile: str) -> Found:
    """How mean |PACS| of the refined reward model changes by the full budget."""
    table = overview.final_changes(profile, cost.CONFLICTS)
    own = table[(table["measure"] == "conflict_proxy") & (table["selector"] == "conflict")]
    texts = joined(own, digits=3)
    said = "; ".join(f"{task} {text}" for task, text in zip(own["task"], texts, strict=True))
    return Found(
        f"change of mean abs. PACS with conflict's labels: {said}; {clear_of(own)}",
        by_direction(own, expected=-1),
    )


def budget(profile: str) -> Found:
    """Labels that conflict needs to reach what random reaches with all of them."""
    said, reached = [], []
    for task in overview.tasks(profile):
        for measure in (GOLD, ACCURACY):
            needed = selectors.labels_to_reach_random(profile, task, measure)
            if "conflict" in needed:
                said.append(f"{task}, {measure}: {needed['conflict']}")
                reached.append(needed["conflict"])
    spent = overview.main_rows(profile, "rounds")["n_labels"].max()
    text = f"labels to reach random's end at {spent:,}, on the mean curve: {'; '.join(said)}"
    return Found(f"{text}; the gap itself is judged in the rows above", ANSWERED)


def annotator(profile: str) -> Found:
    """A noisy annotator in place of gold: does conflict's gain over random change."""
    table = variant_changes(profile)
    own = table[table["variant"].str.startswith("annotator noise")]
    if own.empty:
        raise MissingResults(rows.NOTEBOOK, profile=profile, where={"annotator": "noisy"})
    said = "; ".join(
        f"{row.measure} {text}" for row, text in zip(own.itertuples(), joined(own), strict=True)
    )
    return Found(
        "GPT-4o is not to be had; with noise in the gold annotator's scores, change of "
        f"conflict's gain over random: {said}; {clear_of(own)}",
        NOT_HERE,
    )


def released_faults(profile: str) -> Found:
    """Each fault's effect on gold reward and accuracy: the clear ones by name."""
    table = faults.fault_effects(profile)
    clear = table[table["verdict"].isin([HIGHER, LOWER]) & (table["selector"] == "conflict")]
    said = "; ".join(
        f"{row.fault.replace('_', ' ')}, {row.measure} {text}"
        for row, text in zip(clear.itertuples(), joined(clear), strict=True)
    )
    return Found(
        f"{table['fault'].nunique()} of the {len(FAULTS)} faults found, switched on one at a time; "
        f"clear after Holm: {said or 'none'}",
        ANSWERED,
    )
