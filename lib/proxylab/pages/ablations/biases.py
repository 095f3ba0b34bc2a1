"""Does it matter how the proxy came to be wrong? Conflict detection by kind and dose of bias.

Biases are injected into each task's proxy; ours, for how the paper's proxies are biased is known
for one task only.
"""

from functools import cache

import numpy as np
import pandas as pd
from IPython.display import Markdown

from proxylab.pages.ablations.detection import changes, detection, measured
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.verdicts import HIGHER, LOWER, judged, verdicts_in_words
from proxylab.plots import publish
from proxylab.plots.maps import forest_panels
from proxylab.tables import DASH, joined, number, show_table

UNBIASED, RETRAINED = "none", "retrained"
DATA_BIASES = ("flips", "ambiguity flips", "sycophancy")
CHANCE = 0.5


def bias_names(rows: pd.DataFrame) -> pd.Series:
    """'length, 2': kind and dose in words; without a dose the kind alone."""
    dosed = rows["bias"] + ", " + rows["dose"].map("{:g}".format)
    return dosed.where(rows["dose"] > 0, rows["bias"])


@cache
def bias_areas(profile: str) -> pd.DataFrame:
    """Area over all prompts by task, bias and dose, with the name of the bias.

    `base` labels the row to compare with: the unbiased proxy, or for a bias in the data the same
    training on unbiased data. `same` says that no prompt's agreement with gold differs from it.
    """
    rows = measured(profile, "biases")
    table = detection(rows, ["task", "bias", "dose"])
    unbiased = table[table["dose"] == 0].reset_index().set_index(["task", "bias"])["index"]
    reference = np.where(table["bias"].isin([*DATA_BIASES, RETRAINED]), RETRAINED, UNBIASED)
    table["base"] = [
        unbiased.get(key, np.nan) for key in zip(table["task"], reference, strict=True)
    ]
    groups = rows.set_index(["seed", "prompt"]).groupby(["task", "bias", "dose"])["tau_proxy_gold"]
    tau = dict(list(groups))
    key = [tuple(row) for row in table[["task", "bias", "dose"]].itertuples(index=False)]
    table["same"] = [
        not np.isnan(j) and _same_ranking(tau[key[i]], tau[key[int(j)]])
        for i, j in table["base"].items()
    ]
    return in_bias_order(table.assign(name=bias_names(table)))


def _same_ranking(tau: pd.Series, base: pd.Series) -> bool:
    return np.allclose(tau, base.reindex(tau.index), equal_nan=True)


@cache
def bias_changes(profile: str) -> pd.DataFrame:
    """Every biased proxy against the one without, on the same prompts: change of the area."""
    areas = bias_areas(profile)
    return changes(areas, areas["base"], ["task", "name", "same"])


@cache
def bias_areas_by_knowledge(profile: str) -> pd.DataFrame:
    """Area by task, bias and dose, where the policy was taught the topic and where not."""
    table = detection(measured(profile, "biases"), ["task", "bias", "dose", "taught"])
    return in_bias_order(table.assign(name=bias_names(table)))


def bias_figure(profile: str, *, label: str) -> Markdown:
    """Area by kind and dose of bias, where the policy was taught the topic and where not."""
    rows, table = measured(profile, "biases"), bias_areas_by_knowledge(profile)
    n_rows = table["name"].nunique()

    def draw(figure) -> None:
        axes = figure.subplots(1, table["task"].nunique(), sharex=True, squeeze=False)[0]
        forest_panels(
            axes,
            table,
            rows="name",
            panels="task",
            series="taught",
            xlabel="AUROC",
            reference=CHANCE,
            reference_label="chance",
        )

    return publish(
        label,
        draw,
        profile=profile,
        size=(7.8, 1.3 + 0.36 * n_rows),
        caption="How well mean |PACS| finds wrong proxies under each kind and dose of bias. Doses "
        "of refusal and noise: standard deviations of the proxy's reward within a prompt; of "
        "length: such standard deviations a word of the reply; of saturation: the slope; of sign, "
        "flips and sycophancy: the share. Flips and sycophancy are learnt from biased pairs "
        "(*retrained*: the same training without bias). "
        f"{seeds_in_words(rows)}, {rows.groupby(['task', 'seed'])['prompt'].nunique().max()} "
        "prompts a task and seed, 95 % intervals over seeds and prompts.",
        alt="Dots with intervals, one row a bias and dose, one panel a task. " + _ranges(table),
    )


def _ranges(table: pd.DataFrame) -> str:
    said = []
    for (task, taught), part in table.dropna(subset="value").groupby(
        ["task", "taught"], sort=False
    ):
        least, most = (part.loc[i] for i in (part["value"].idxmin(), part["value"].idxmax()))
        said.append(
            f"{task}, {taught}: from {number(least['value'])} ({least['name']}) to "
            f"{number(most['value'])} ({most['name']})."
        )
    return " ".join(said)


def in_bias_order(table: pd.DataFrame) -> pd.DataFrame:
    """Rows with the unbiased first, each kind's doses together, and data biases after their own."""
    kinds = [kind for kind in dict.fromkeys(table["bias"]) if kind not in DATA_BIASES]
    order = [UNBIASED, *(kind for kind in kinds if kind not in (UNBIASED, RETRAINED)), RETRAINED]
    order += DATA_BIASES
    rank = table["bias"].map(order.index)
    return table.assign(rank=rank).sort_values(["rank", "dose"], kind="stable").drop(columns="rank")


def bias_table(profile: str, *, label: str) -> Markdown:
    """Share of wrong proxies and area over all prompts by bias and dose, tasks across."""
    rows = measured(profile, "biases")
    table = bias_areas(profile)
    shares = [f"{number(100 * share, 1)} % wrong<br>" for share in table["wrong"]]
    table = table.assign(text=[a + b for a, b in zip(shares, joined(table), strict=True)])
    names = list(dict.fromkeys(table["name"]))
    wide = pd.DataFrame({"bias": names})
    for task, part in table.groupby("task", sort=False):
        wide[task] = part.set_index("name")["text"].reindex(names).fillna(DASH).to_numpy()
    return show_table(
        wide,
        label=label,
        caption="Share of prompts where the biased proxy is wrong, and the AUROC of mean |PACS| "
        f"for them over all prompts; {seeds_in_words(rows)}, [95 % interval over seeds and "
        "prompts].",
        text=("bias",),
    )


def bias_sentence(profile: str) -> Markdown:
    """Which biases change what conflict finds, which do nothing here, which are noise."""
    table = bias_changes(profile)
    names = table["task"] + ", " + table["name"]
    tasks = table[table["same"].astype(bool)].groupby("name", sort=False)["task"].agg(", ".join)
    idle = [f"{name} ({where})" for name, where in tasks.items()]
    said = verdicts_in_words(table, names, what="AUROC over all prompts")
    if idle:
        said += f" These left the proxy's ranking of every prompt as it was: {'; '.join(idle)}."
    return Markdown(said)


def knowledge_sentence(profile: str) -> Markdown:
    """Whether it holds under every bias that conflict informs where the policy was taught."""
    table = judged(bias_areas_by_knowledge(profile).dropna(subset="value"), null=CHANCE)
    said = []
    for taught, part in table.groupby("taught", sort=False):
        above, below = ((part["verdict"] == verdict).sum() for verdict in (HIGHER, LOWER))
        said.append(
            f"{taught}: AUROC from {number(part['value'].min())} to {number(part['value'].max())}; "
            f"of {len(part)} areas {above} are clearly above chance, {below} below, the others are "
            "not told from it"
        )
    return Markdown(
        f"Over all tasks, kinds and doses, Holm's correction over {len(table)} areas. "
        + ". ".join(map(_capital, said))
        + "."
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
