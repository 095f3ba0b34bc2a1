"""The PPO page on whether the optimisers are right: distances from an optimum that is known.

On a finite problem every completion can be listed, so the optimum of the KL-regularised objective,
pi_ref exp(r / beta) / Z, is exact. Left out: best-of-n and PRO, which aim at something else.
"""

from functools import cache

import pandas as pd
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.usual import usual
from proxylab.plots import publish
from proxylab.plots.style import COLOURS
from proxylab.results import gather
from proxylab.tables import number, show_table

NOTEBOOK = "verify_optimisers"
KEYS = ["algorithm", "set_beta"]
ORDER = ("ppo", "dpo", "reweighting")
CHOOSING = "reweighting"
MARKERS = ("o", "s", "D", "^")
NAMES = {"ppo": "PPO", "dpo": "DPO", CHOOSING: "reweighted samples"}
XLABEL = "training steps"
XLABEL_CHOOSING = "samples that an answer\nis drawn from"
LIMITS = ["value", "low", "high"]
SMALLEST = 1e-5  # nats: what is drawn of a distance that rounds to nothing


@cache
def convergence_rows(profile: str) -> pd.DataFrame:
    """Rows of the usual runs, algorithms in the page's order; betas from the highest."""
    where = usual(NOTEBOOK, profile)
    rows = gather(NOTEBOOK, "convergence", profile=profile, where=where)
    rank = {name: i for i, name in enumerate(ORDER)}
    rows = rows.assign(rank=rows["algorithm"].map(lambda name: rank.get(name, len(rank))))
    order = ["rank", "set_beta", "seed", "step"]
    return rows.sort_values(order, ascending=[True, False, True, True]).reset_index(drop=True)


def over_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean, lowest and highest distance of the seeds at each step: KEYS, step, value, low, high."""
    steps = rows.groupby([*KEYS, "step"], sort=False)["kl_to_optimum"]
    return steps.agg(value="mean", low="min", high="max").reset_index()


def ends(rows: pd.DataFrame) -> pd.DataFrame:
    """Distances of each algorithm and beta before and after, over seeds.

    Columns: KEYS, start, end, low, high (of the seeds' ends), share (of the distance that is
    left, mean of the seeds' shares), worst (their largest), nearer (seeds), n_seeds, outside.
    """
    found = []
    for names, part in rows.groupby(KEYS, sort=False):
        last = part.sort_values("step").groupby("seed").last()
        share = last["kl_to_optimum"] / last["kl_start"]
        end = last["kl_to_optimum"]
        row = {"start": last["kl_start"].mean(), "end": end.mean()}
        row |= {"low": end.min(), "high": end.max(), "share": share.mean(), "worst": share.max()}
        row |= {"nearer": int((share < 1).sum()), "n_seeds": len(last)}
        found.append(
            dict(zip(KEYS, names, strict=True)) | row | {"outside": last["outside"].mean()}
        )
    return pd.DataFrame(found)


def convergence_figure(profile: str) -> Markdown:
    """KL to the exact optimum against steps, a panel an algorithm, a line a KL coefficient."""
    rows = convergence_rows(profile)
    algorithms = list(dict.fromkeys(rows["algorithm"]))
    said = " ".join(
        f"{NAMES.get(row.algorithm, row.algorithm)}, beta {row.set_beta:g}: "
        f"{number(row.start, 3)} to {number(row.end, 3)} nats."
        for row in ends(rows).itertuples()
    )
    return publish(
        "ppo-convergence",
        lambda figure: _draw(figure, rows, algorithms),
        profile=profile,
        size=(1.4 + 2.4 * len(algorithms), 3.6),
        caption="KL of the policy to the exact optimum (nats, mean over the prompts of a finite "
        "problem, log scale); beta is the KL coefficient. Lines: means over "
        f"{seeds_in_words(rows)}; bands: from the lowest seed to the highest; dotted: where the "
        "reference policy is, which is the start. The reweighted policy is trained by nobody: it "
        "draws one of so many samples, and nears the optimum as they grow.",
        alt=f"Lines that fall where an optimiser converges, a panel an algorithm. {said}",
    )


def _draw(figure: Figure, rows: pd.DataFrame, algorithms: list[str]) -> None:
    axes = figure.subplots(1, len(algorithms), sharey=True, squeeze=False)[0]
    betas = sorted(set(rows["set_beta"]), reverse=True)
    for ax, algorithm in zip(axes, algorithms, strict=True):
        own = rows[rows["algorithm"] == algorithm]
        _panel(ax, own, betas)
        ax.set_title(NAMES.get(algorithm, algorithm))
        ax.set_yscale("log")
        if algorithm == CHOOSING:
            ax.set_xscale("log", base=2)
            steps = sorted(set(own["step"]))
            ax.set_xticks(steps, [f"{step:g}" for step in steps])
        ax.set_xlabel(XLABEL_CHOOSING if algorithm == CHOOSING else XLABEL)
    axes[0].set_ylabel("KL to the optimum (nats)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))


def _panel(ax: Axes, rows: pd.DataFrame, betas: list[float]) -> None:
    for i, beta in enumerate(betas):
        own = rows[rows["set_beta"] == beta]
        if own.empty:
            continue
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
        line = over_seeds(own).sort_values("step")
        line[LIMITS] = line[LIMITS].clip(lower=SMALLEST)
        label = f"beta {beta:g}"
        every = max(1, len(line) // 8)
        style = {"color": colour, "lw": 1.6, "marker": marker, "ms": 4.5, "markevery": every}
        ax.plot(line["step"], line["value"], label=label, **style)
        ax.fill_between(line["step"], line["low"], line["high"], color=colour, alpha=0.16, lw=0)
        dots = {"color": colour, "lw": 1.2, "ls": (0, (1, 2))}
        ax.axhline(own.groupby("seed")["kl_start"].first().mean(), **dots)


def convergence_table(profile: str) -> Markdown:
    """Distances before and after, by algorithm and KL coefficient."""
    rows = convergence_rows(profile)
    found = ends(rows)
    shown = pd.DataFrame(
        {
            "algorithm": [NAMES.get(name, name) for name in found["algorithm"]],
            "beta": [f"{beta:g}" for beta in found["set_beta"]],
            "start": [number(x, 3) for x in found["start"]],
            "end": [f"{number(r.end, 4)} ({_range(r)})" for r in found.itertuples()],
            "left": [number(100 * x, 1) for x in found["share"]],
            "outside": [number(100 * x, 2) for x in found["outside"]],
        }
    )
    return show_table(
        shown,
        label="ppo-convergence",
        caption=f"KL to the exact optimum before and after (nats), means of {seeds_in_words(rows)} "
        "with the lowest and the highest seed; the share of the distance that is left; and the "
        "probability of a completion that is no candidate of the problem. DPO learns from pairs "
        "of candidates and is told nothing of anything else, so its distance is among candidates; "
        "the others' counts all completions.",
        names={"start": "start", "end": "end", "left": "left (%)", "outside": "outside (%)"},
        text=("algorithm",),
    )


def _range(row) -> str:
    return f"{number(row.low, 4)} to {number(row.high, 4)}"


def convergence_sentence(profile: str) -> Markdown:
    """How near each optimiser comes, and whether in every seed."""
    found = ends(convergence_rows(profile))
    parts = []
    for algorithm, part in found.groupby("algorithm", sort=False):
        name = NAMES.get(algorithm, algorithm)
        n_runs, nearer = int(part["n_seeds"].sum()), int(part["nearer"].sum())
        worst = number(100 * part["worst"].max(), 1)
        parts.append(
            f"{name} ends nearer to it than it started in {nearer} of {n_runs} runs; at worst "
            f"{worst} % of the distance is left"
        )
    return Markdown(f"Against the exact optimum: {'; '.join(parts)}.")
