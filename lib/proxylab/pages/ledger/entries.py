"""Which page, run notebook and module each item of the papers is answered by.

The items themselves stand in data/ledger.csv, whose every row must have an entry here and every
entry a row there: `entries` says which one is missing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from proxylab.environment import project_root
from proxylab.pages.ledger import elephant, proxies, questions, targeting
from proxylab.pages.ledger.rule import Found

COLUMNS = ["paper", "item", "about", "reports", "grade"]


@dataclass(frozen=True)
class Entry:
    """Where an item is answered: page and code by name, runs by notebook, and what is found.

    `page` may name a place on it (`index#fig-front-chain`); `code` is a module that the reference
    shows (`places` makes links of them).
    """

    page: str
    runs: tuple[str, ...]
    code: str
    find: Callable[[str], Found]


ALIGN, SHF, RULED = ("align",), ("shf_cas",), ("train_reward_model", "measure_rulers")
ELEPHANT = {
    "equation 1": Entry("dpo", ("verify_optimisers",), "alignment.dpo", elephant.dpo_loss),
    "equation 2": Entry("reward_models", (), "accuracy", elephant.accuracy_metric),
    "equation 3": Entry("pro", (), "alignment.pro", elephant.pro_loss),
    "table 1": Entry("report_cards", ("audit",), "audit", proxies.inverted),
    "table 2": Entry("dpo", ALIGN, "alignment.dpo", elephant.dpo_table),
    "table 3": Entry("report_cards", ("audit",), "audit", proxies.helpless),
    "table 4": Entry("reward_models", RULED, "rewards.training", elephant.accuracy_table),
    "table 4 (arithmetic)": Entry("reward_models", RULED, "accuracy", elephant.arithmetic),
    "table 5": Entry("ppo", ALIGN, "alignment.ppo", elephant.ppo_table),
    "table 6": Entry("judges_and_people", ("judge",), "judge", proxies.judge_order),
    "table 7": Entry("cleaning", ("clean",), "cleaning", elephant.cleaned_sizes),
    "table 8": Entry("report_cards", ("audit",), "audit", proxies.helpless),
    "figure 1": Entry("cleaning", ("clean",), "cleaning.toxicity", elephant.toxic_chosen),
    "figure 2": Entry("index#fig-front-chain", (), "rewards", elephant.scheme),
    "figure 3": Entry("cleaning", ("clean",), "cleaning", elephant.categories),
    "figure 4": Entry(
        "correlation", ("measure_correlation",), "evaluate.correlation", proxies.correlation
    ),
    "figure 5": Entry("ppo", ALIGN, "alignment.ppo", elephant.curves_of_training),
    "figure 6": Entry("pro", ALIGN, "alignment.pro", elephant.pro_figure),
    "figure 7": Entry("cleaning", ("clean",), "preferences.facts", elephant.contradiction),
    "figure 8": Entry("cleaning", ("clean",), "preferences.facts", elephant.noise_cases),
    "pitfall 1": Entry("report_cards", ("audit",), "audit", proxies.inverted),
    "pitfall 2": Entry("report_cards", ("audit",), "audit", proxies.negligible),
    "pitfall 3": Entry("report_cards", ("audit",), "audit", proxies.harmful),
    "pitfall 4": Entry("report_cards", ("audit",), "audit", proxies.empty),
    "pitfall 5": Entry("report_cards", ("audit",), "audit", proxies.helpless),
    "appendix B.1": Entry("judges_and_people", (), "people", proxies.instructions),
    "appendix B.2": Entry("judges_and_people", ("judge",), "judge", proxies.judge_prompt),
    "limit: Goodhart": Entry("overoptimisation", ALIGN, "evaluate", elephant.goodhart),
    "limit: robustness": Entry("dpo", ALIGN, "alignment.dpo", elephant.less_robust),
}
TARGETING = {
    "PACS": Entry("conflict_metrics", (), "conflict.pacs", targeting.pacs),
    "Kendall-Tau distance": Entry("conflict_metrics", (), "conflict.kendall", targeting.kendall),
    "Gaussian table": Entry(
        "conflict_metrics", ("simulate_conflict",), "conflict.simulation", targeting.gaussian
    ),
    "SHF-CAS": Entry("shf_cas", SHF, "shf_cas.loop", targeting.loop),
    "coverage table": Entry("world", ("build_world",), "world.lexicon", targeting.coverage),
    "settings": Entry("shf_cas", (), "profiles", targeting.settings),
    "shared ignorance": Entry(
        "conflict_metrics", ("measure_conflict",), "conflict", targeting.shared_ignorance
    ),
    "safety": Entry("shf_cas", SHF, "shf_cas", targeting.against("safety")),
    "helpfulness": Entry("shf_cas", SHF, "shf_cas", targeting.against("helpfulness")),
    "policy": Entry("shf_cas", ALIGN, "alignment.ppo", targeting.policy),
    "conflict after refinement": Entry("shf_cas", SHF, "shf_cas", targeting.refined_conflict),
    "budget": Entry("shf_cas", SHF, "selection.budget", targeting.budget),
    "annotator": Entry("ablations", SHF, "shf_cas.annotators", targeting.annotator),
    "released faults": Entry("shf_cas", SHF, "shf_cas.faults", targeting.released_faults),
    "question: held-out": Entry("ablations", ("measure_conflict",), "conflict", questions.held_out),
    "question: high or low": Entry("shf_cas", SHF, "selection", questions.high_or_low),
    "question: ignorance or strength": Entry(
        "conflict_metrics", ("measure_conflict",), "conflict", questions.ignorance_or_strength
    ),
    "question: cost": Entry("shf_cas", SHF, "shf_cas.loop", questions.machine_time),
    "question: objectives": Entry(
        "ablations", ("measure_conflict",), "conflict", questions.objectives
    ),
}
ENTRIES = {"elephant": ELEPHANT, "targeting": TARGETING}


def run_notebooks() -> list[str]:
    """Every run notebook that an item names, each once."""
    found = [entry for paper in ENTRIES.values() for entry in paper.values()]
    return sorted({name for entry in found for name in entry.runs})


def items() -> pd.DataFrame:
    """data/ledger.csv: paper, item, about, reports, grade, in the papers' order.

    Raises ValueError for a row without an entry, or an entry without a row.
    """
    table = pd.read_csv(project_root() / "data" / "ledger.csv", dtype="str")[COLUMNS]
    listed = set(table[["paper", "item"]].itertuples(index=False, name=None))
    known = {(paper, item) for paper, found in ENTRIES.items() for item in found}
    for paper, item in sorted(listed ^ known):
        where = "pages/ledger/entries.py" if (paper, item) in listed else "data/ledger.csv"
        raise ValueError(f"{paper}, {item!r}: not in {where}; an item needs a row and an entry")
    return table
