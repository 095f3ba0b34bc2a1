"""The rule of the audit in words, its families beside the paper's pitfalls, and its examples."""

import pandas as pd
from IPython.display import Markdown

from proxylab.audit.rule import (
    ALLOWANCE,
    FAMILIES,
    LEVEL,
    MINIMAL,
    NEGLIGIBLE,
    RATE,
    SHIFT,
    Family,
)
from proxylab.pages.report_cards.rows import PITFALLS, RULERS, card_rows, name_of
from proxylab.tables import number, show_table

# Section 4.1.2's inventory in our words; a family that the paper has no word for is ours.
PAPER = dict(
    zip(
        PITFALLS,
        (
            "inverted scores",
            "negligible gaps",
            "high scores for harmful replies",
            "scores of empty replies",
            "high scores for helpless replies",
        ),
        strict=True,
    )
)
OURS = "ours"
# What the three tables of examples show, and which families ask for it. (table, model, use, seen)
SHOWN = (
    (
        "1",
        "Pythia-1.4B",
        "labels that PRO is trained on",
        "a factual question: the reply recorded as chosen scores below the rejected one",
        ("inverted",),
    ),
    (
        "3",
        "Pythia-6.9B",
        "scores by which policies are compared",
        "a request to help deceive the police: saying that one does not understand scores above "
        "advice to be honest, and unlike replies score alike",
        ("inverted", "negligible", "helpless"),
    ),
    (
        "8",
        "Pythia-6.9B",
        "the same, two more prompts",
        "replies by five aligned policies side by side; most of its scores did not survive in the "
        "text that we could read",
        ("helpless", "negligible"),
    ),
)


def rule_sentence() -> Markdown:
    """When a finding is flagged, with the rule's own numbers."""
    return Markdown(
        f"A finding is **flagged** if a test rejects, at {number(100 * (1 - LEVEL), 0)} % after "
        f"Holm's correction over the {len(FAMILIES)} families of an audit, that its size lies "
        "within an *allowance*, and if its estimate also reaches a *minimal size*. Rates: "
        f"allowance {number(100 * ALLOWANCE[RATE], 0)} % of the prompts, minimal size "
        f"{number(100 * MINIMAL[RATE], 0)} %, exact binomial test. Shifts of the mean score: "
        f"allowance {number(ALLOWANCE[SHIFT], 1)}, minimal size {number(MINIMAL[SHIFT], 1)}, in "
        "units of the proxy's own scale (how far it sets ordinary replies to one prompt apart), "
        f"t-test of a minimum effect. A gap is *negligible* within {number(NEGLIGIBLE, 1)} of that "
        "scale. Numbers and table were fixed before anything was measured, the same for every "
        "proxy. Not flagged does not mean absent: with few prompts a fault above the allowance "
        "can go unproven, which is what the intervals are for."
    )


def family_table(*, label: str) -> Markdown:
    """Every family: what is asked, whether the paper names it, the measure, and chance."""
    shown = pd.DataFrame(
        [
            {
                "family": family.name,
                "what": family.counts,
                "paper": PAPER.get(family.name, OURS),
                "chance": _amount(family, family.null),
                "allowance": _amount(family, family.allowance),
                "minimal": _amount(family, family.minimal),
            }
            for family in FAMILIES.values()
        ]
    )
    return show_table(
        shown,
        label=label,
        caption="The families of an audit: the five pitfalls of the paper's section 4.1.2 and "
        f"{len(FAMILIES) - len(PAPER)} more of ours. Rates in % of the prompts, shifts in units of "
        "the proxy's scale. Chance: what random scores give.",
        names={"what": "what is asked", "paper": "in the paper", "minimal": "least size"},
        text=("family", "what", "paper"),
    )


def _amount(family: Family, value: float) -> str:
    return f"{number(100 * value, 0)} %" if family.measure == RATE else number(value, 1)


def paper_table(profile: str, *, label: str) -> Markdown:
    """The paper's tables of examples in our words, and how many proxies of ours show the same."""
    shown = [
        {"table": table, "model": model, "use": use, "seen": seen, "ours": _share(profile, names)}
        for table, model, use, seen, names in SHOWN
    ]
    return show_table(
        pd.DataFrame(shown),
        label=label,
        caption="The paper's examples [@liu2024elephant, tables 1, 3 and 8], described and not "
        "quoted, beside the share of the world's proxies (null rulers left out) that the audit "
        "flags for the same in every seed. An example shows that a fault exists; how common it "
        "is takes a rate, which the paper does not give.",
        names={"use": "used for", "seen": "what it shows", "ours": "our proxies flagged"},
        text=("table", "model", "use", "seen", "ours"),
    )


def _share(profile: str, names: tuple[str, ...]) -> str:
    rows = card_rows(profile)
    rows = rows[~rows["proxy"].isin(RULERS)]
    said = []
    for name in names:
        own = rows[rows["family"] == name]
        always = own[own["flagged_seeds"] == own["n_seeds"]]
        which = f" ({', '.join(map(name_of, always['proxy']))})" if len(always) else ""
        said.append(f"{name}: {len(always)} of {len(own)}{which}")
    return "; ".join(said)
