"""JudgeBench's published reward models together: shared errors, committees, and what a gap says."""

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.correlation.judgebench import comparison_rows, n_models, recorded, short
from proxylab.studies.correlation.judgebench import BEST_SINGLE
from proxylab.tables import joined, number, show_table


def error_table(profile: str) -> Markdown:
    """How far the errors of every two models coincide."""
    table = recorded(profile, "errors")
    table = table.sort_values("kappa", ascending=False, kind="stable")
    shown = pd.DataFrame(
        {
            "model": table["model_a"].map(short),
            "and": table["model_b"].map(short),
            "agree": [number(100 * share, 0) for share in table["agree"]],
            "chance": [number(100 * share, 0) for share in table["by_chance"]],
            "kappa": joined(table, value="kappa"),
            "both": [
                f"{row.both_wrong} of {row.wrong_a} and {row.wrong_b}" for row in table.itertuples()
            ],
        }
    )
    return show_table(
        shown,
        label="judgebench-errors",
        caption="How far two models err on the same pairs: the share (%) on which both are right "
        "or both wrong, what independent errors would give, Cohen's kappa [95 % interval, "
        "bootstrap over pairs], and the errors that they share.",
        names={"chance": "by chance", "both": "both wrong"},
        text=("model", "and"),
    )


def committee_table(profile: str) -> Markdown:
    """What the models get together, beside the best of them."""
    table = recorded(profile, "committees")
    limits = table.rename(columns={"difference_low": "less_low", "difference_high": "less_high"})
    shown = pd.DataFrame(
        {
            "committee": table["committee"],
            "accuracy": joined(table, value="accuracy", digits=1, percent=True),
            "difference": joined(
                limits, value="difference", low="less_low", high="less_high", digits=1, percent=True
            ),
            "p": [number(p, 3) for p in table["p"]],
        }
    )
    return show_table(
        shown,
        label="judgebench-committees",
        caption=f"The {n_models(profile)} models together on {int(table['n'].iloc[0])} pairs: "
        "accuracy (%, Wilson), and "
        f"the difference in points to {short(table['best'].iloc[0])}, the most accurate on these "
        "very pairs [bootstrap over pairs], with exact McNemar p. What is fitted, or chosen, is "
        "so on nine tenths of the pairs and measured on the rest, ten times.",
        names={"difference": "less the best of all"},
        text=("committee",),
    )


def committee_sentence(profile: str) -> Markdown:
    """Whether a committee gains anything, and whether gaps say how sure a model is."""
    table, errors = (recorded(profile, name) for name in ("committees", "errors"))
    sure = recorded(profile, "certainty")
    picked = table[table["committee"] == BEST_SINGLE]
    kappa = f"{number(errors['kappa'].min())} to {number(errors['kappa'].max())}"
    texts = joined(picked, value="accuracy", digits=1, percent=True)
    areas = f"{number(sure['value'].min())} to {number(sure['value'].max())}"
    clear = int((sure["low"] > 0.5).sum())
    return Markdown(
        f"{_gain(table[table['committee'] != BEST_SINGLE])} The errors of two models agree with a "
        f"kappa of {kappa}. Choosing the best model on nine tenths of the pairs and measuring it "
        f"on the rest gives {texts[0]} %{_doubt(profile)}. A larger gap is clearly more often "
        f"right for {clear} of {len(sure)} models (area under the ROC curve {areas}; 0.5 would be "
        "nothing)."
    )


def _gain(committees: pd.DataFrame) -> str:
    """Which committees are clearly better than the best single model, or which comes closest."""
    order = committees.sort_values("difference", ascending=False, kind="stable")
    limits = {"value": "difference", "low": "difference_low", "high": "difference_high"}
    texts = joined(order, **limits, digits=1, percent=True)
    named = [f"{name} {text}" for name, text in zip(order["committee"], texts, strict=True)]
    better = [text for text, low in zip(named, order["difference_low"], strict=True) if low > 0]
    single = "the best single model, whose lead was found on the same pairs"
    if better:
        return f"Clearly better than {single}: {'; '.join(better)} points."
    return f"No committee is clearly better than {single} (closest: {named[0]} points)."


def _doubt(profile: str) -> str:
    """What the paired tests say of the choice of a best model."""
    told = comparison_rows(profile)["distinguishable"].any()
    return "" if told else ": with no two models told apart, which one is best is itself in doubt"
