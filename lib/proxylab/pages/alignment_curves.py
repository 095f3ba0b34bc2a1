"""Gold reward and KL over training, drawn alike for every optimiser that steps.

From the table "measured": the same monitoring prompts at every checkpoint, fresh samples.
"""

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.alignment_rows import checkpoints
from proxylab.pages.pooling import seeds_in_words
from proxylab.plots import curves, publish
from proxylab.tables import number

MEASURES = {"gold": "gold reward", "kl": "KL from start (nats a reply)"}


def curve_rows(rows: pd.DataFrame, by: str, lines: str) -> pd.DataFrame:
    """Gold and KL by step: columns `lines`, measure, `by`, step, value, low, high, n."""
    frames = [
        checkpoints(part, measure, by).assign(**{lines: name, "measure": measure})
        for name, part in rows.groupby(lines, sort=False)
        for measure in MEASURES
    ]
    return pd.concat(frames, ignore_index=True)


def curve_figure(
    profile: str, rows: pd.DataFrame, *, by: str, lines: str, label: str, caption: str
) -> Markdown:
    """Two panels, gold reward and KL over steps, for every value of `lines`; a curve a `by`.

    Arguments: `rows` of the table "measured"; `caption` what to see, to which counts are added.
    """
    table = curve_rows(rows, by, lines)
    names = list(dict.fromkeys(table[lines]))

    def draw(figure) -> None:
        grid = figure.subplots(len(names), len(MEASURES), squeeze=False)
        for axes, line in zip(grid, names, strict=True):
            for ax, (measure, ylabel) in zip(axes, MEASURES.items(), strict=True):
                part = table[(table[lines] == line) & (table["measure"] == measure)]
                curves(ax, part, x="step", series=by, xlabel="step", ylabel=ylabel)
                ax.set_title(line)

    n = rows.groupby("seed")["prompt"].nunique().max()
    return publish(
        label,
        draw,
        profile=profile,
        size=(8.4, 3.0 * len(names)),
        caption=f"{caption} {n} monitoring prompts a seed, {seeds_in_words(rows)}, 95 % bands over "
        "seeds and prompts.",
        alt=f"Curves with bands. {_ends(table, by, lines)}",
    )


def _ends(table: pd.DataFrame, by: str, lines: str) -> str:
    last = table.loc[table.groupby([lines, "measure", by], sort=False)["step"].idxmax()]
    return " ".join(
        f"{row[lines]}, {row[by]}: {row['measure']} {number(row['value'])} at step "
        f"{row['step']:.0f}."
        for row in last.to_dict("records")
    )
