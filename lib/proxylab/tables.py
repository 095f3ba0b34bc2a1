"""Markdown tables and inline numbers, written the same way on every page.

Quarto and the preview renderer both read pipe tables; a bare data frame would pull scripts from a
network. Whatever comes from data or models is escaped before it reaches Markdown. A number is
written with its interval, an undefined one as a dash with its reason in the count beside it.
"""

import html
import math
import re
from collections.abc import Mapping, Sequence

import pandas as pd
from IPython.display import Markdown

from proxylab.stats import Interval

DASH = "–"
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$@^<>&-])")


def escaped(text: object) -> str:
    """Text that Markdown and HTML show as it stands, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def quoted(text: str) -> str:
    """A text from a model or a data set as an inline code span, whatever it holds."""
    flat = " ".join(text.split()) or "(empty)"
    ticks = "`" * (max(map(len, re.findall(r"`+", flat)), default=0) + 1)
    return f"{ticks} {flat} {ticks}".replace("|", "¦")


def number(value: float, digits: int = 2) -> str:
    """A number with a fixed count of decimals; a dash where it is undefined."""
    if value is None or math.isnan(value):
        return DASH
    text = f"{value:,.{digits}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.replace("-", "")


def with_interval(estimate: float, low: float, high: float, digits: int = 2) -> str:
    """'0.62 [0.59, 0.65]'; without limits the number alone."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return number(estimate, digits)
    return f"{number(estimate, digits)} [{number(low, digits)}, {number(high, digits)}]"


def interval_text(interval: Interval, digits: int = 2, *, percent: bool = False) -> str:
    """An interval as text, in per cent on request."""
    scale = 100 if percent else 1
    values = [scale * x for x in (interval.estimate, interval.low, interval.high)]
    return with_interval(*values, digits)


def joined(
    frame: pd.DataFrame,
    *,
    value: str = "value",
    low: str = "low",
    high: str = "high",
    digits: int = 2,
    percent: bool = False,
    stacked: bool = False,
) -> list[str]:
    """One 'value [low, high]' text a row of `frame`; `stacked` on two lines, for wide tables."""
    scale = 100 if percent else 1
    rows = zip(frame[value], frame[low], frame[high], strict=True)
    texts = [with_interval(scale * v, scale * lo, scale * hi, digits) for v, lo, hi in rows]
    return [text.replace(" [", "<br>[") for text in texts] if stacked else texts


def markdown_table(
    frame: pd.DataFrame,
    *,
    names: Mapping[str, str] | None = None,
    text: Sequence[str] = (),
    markdown: Sequence[str] = (),
    widths: Mapping[str, int] | None = None,
) -> str:
    """A pipe table of `frame`: columns in `text` to the left and escaped, the rest to the right.

    Arguments: `names` gives columns the headings that readers see; columns in `markdown` stand to
    the left as they are; `widths` are the columns' shares of a table that is too wide for its page.
    """
    shown = [(names or {}).get(name, str(name)) for name in frame.columns]
    headings = [html.escape(heading).replace("|", "&#124;") for heading in shown]
    rules = [
        _rule(name in text or name in markdown, (widths or {}).get(name, 3))
        for name in frame.columns
    ]
    lines = ["| " + " | ".join(headings) + " |", "|" + "|".join(rules) + "|"]
    for row in frame.itertuples(index=False):
        cells = [
            escaped(value) if name in text else _cell(value)
            for value, name in zip(row, frame.columns, strict=True)
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def show_table(
    frame: pd.DataFrame,
    *,
    label: str,
    caption: str,
    names: Mapping[str, str] | None = None,
    text: Sequence[str] = (),
) -> Markdown:
    """A captioned table that `@tbl-...` can refer to; `label` is without the `tbl-`."""
    table = markdown_table(frame, names=names, text=text)
    return Markdown(f"{table}\n\n: {caption} {{#tbl-{label}}}\n")


def _rule(left: bool, width: int) -> str:
    """The mark below a heading; pandoc reads the column's alignment and share off it."""
    dashes = "-" * (width - 1)
    return f":{dashes}" if left else f"{dashes}:"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
