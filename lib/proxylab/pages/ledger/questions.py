"""What we get for the questions that readers of Targeting Misalignment ask.

Each function takes a profile and returns `Found`; it raises MissingResults where its runs have no
result. The paper reports nothing to compare with, so that ours stand alone.
"""

from proxylab.pages.ablations.finding import finding
from proxylab.pages.conflict_metrics.outcomes import outcome_shares
from proxylab.pages.ledger import on_text
from proxylab.pages.ledger.rule import ANSWERED, Found, clear_of, seeds_text
from proxylab.pages.shf_cas import contrasts, cost, overview, rows
from proxylab.tables import joined, number, with_interval


def held_out(profile: str) -> Found:
    """Does conflict find wrong proxies where the policy was taught, where not, and on text."""
    table = finding(profile)
    taught, untaught = "policy taught the topic", "policy not taught the topic"
    said = "; ".join(
        f"{row['task']} {row[taught]} taught, {row[untaught]} not"
        for row in table.to_dict("records")
    )
    seeds = seeds_text(int(table["n_seeds"].max()))
    real = [on_text.beside(find, profile).said for find in (on_text.areas, on_text.pairs)]
    return Found(
        f"AUROC of conflict for a wrong proxy: {said}; {seeds}. {'. '.join(real)}", ANSWERED
    )


def high_or_low(profile: str) -> Found:
    table = contrasts.contrasts(profile)
    own = table[table["contrast"] == "conflict − low_conflict"]
    said = "; ".join(
        f"{row.task}, {row.measure} {text}{rows.doubt(row.verdict)}"
        for row, text in zip(own.itertuples(), joined(own, digits=3), strict=True)
    )
    return Found(f"high less low conflict at equal budget: {said}", ANSWERED)


def ignorance_or_strength(profile: str) -> Found:
    """Who is wrong among the most conflicted prompts, beside all prompts."""
    table = outcome_shares(profile)
    kinds = ("only proxy wrong", "only policy wrong", "both wrong")
    said = []
    for task, part in table[table["what"].isin(kinds)].groupby("task", sort=False):
        shares = part.set_index("what")
        parts = [
            f"{kind} {number(100 * shares.loc[kind, 'selected'], 0)} % "
            f"(all: {number(100 * shares.loc[kind, 'all'], 0)} %)"
            for kind in kinds
        ]
        said.append(f"{task}: {', '.join(parts)}")
    return Found("; ".join(said), ANSWERED)


def machine_time(profile: str) -> Found:
    table = cost.seconds(profile)
    n_rounds = overview.main_rows(profile, "rounds")["round"].max()
    said = []
    for task, part in table.groupby("task", sort=False):
        own = part.set_index("selector").drop(columns="task").fillna(0.0)
        once = [stage for stage in own if stage in cost.ONCE]
        total = own[once].sum(axis=1) + n_rounds * own.drop(columns=once).sum(axis=1)
        said.append(
            f"{task}: conflict {number(total['conflict'], 0)} s, random "
            f"{number(total['random'], 0)} s"
        )
    return Found(f"machine time of the whole loop: {'; '.join(said)}", ANSWERED)


def objectives(profile: str) -> Found:
    """The finding on every task that was run: safety, helpfulness, questions."""
    table = finding(profile)
    said = "; ".join(
        f"{row.task} {with_interval(row.value, row.low, row.high)}" for row in table.itertuples()
    )
    return Found(f"AUROC where taught less where not: {said}; {clear_of(table)}", ANSWERED)
