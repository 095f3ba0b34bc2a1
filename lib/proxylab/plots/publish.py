"""A figure on a page: drawn once for each theme, written to figures/, with caption and alt text.

The caption is generated with the numbers it holds, so it cannot be a typed cell option. What comes
back is Markdown that Quarto and the preview renderer read alike, and that `@fig-...` can refer to.
"""

import re
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.display import Markdown
from matplotlib.figure import Figure

from proxylab.environment import project_root
from proxylab.plots.style import THEMES, themed

FROM_PAGE = "../.."  # pages lie in notebooks/pages
PNG_DPI = 160


def publish(
    label: str,
    draw: Callable[[Figure], None],
    *,
    caption: str,
    alt: str,
    profile: str,
    size: tuple[float, float] = (7.2, 3.6),
    root: Path | None = None,
) -> Markdown:
    """Draw a figure in both themes, save it, and return its Markdown.

    Arguments: `label` without its `fig-`; `draw` gets an empty figure; `caption` says what to see,
    n and seeds; `alt` says it to those who cannot see it; `size` in inches.
    Files: figures/<profile>/<label>-light.svg, -dark.svg, and .png of the light one.
    """
    if not re.fullmatch(r"[a-z0-9-]+", label):
        raise ValueError(f"figure label {label!r}: use lower-case letters, digits and -")
    folder = (root or project_root()) / "figures" / profile
    folder.mkdir(parents=True, exist_ok=True)
    images = []
    for theme in THEMES:
        with themed(theme):
            figure = plt.figure(figsize=size)
            draw(figure)
            path = folder / f"{label}-{theme.name}.svg"
            # No date and no version: the same figure gives the same file.
            figure.savefig(path, metadata={"Date": None, "Creator": None})
            if theme is THEMES[0]:
                figure.savefig(folder / f"{label}.png", dpi=PNG_DPI, facecolor="white")
            plt.close(figure)
        images.append(_image(profile, path.name, theme.name, alt))
    body = "\n\n".join(images)
    return Markdown(f"::: {{#fig-{label}}}\n{body}\n\n{caption}\n:::\n")


def _image(profile: str, file: str, theme: str, alt: str) -> str:
    said = alt.replace('"', "'").replace("\n", " ")
    return f'![]({FROM_PAGE}/figures/{profile}/{file}){{.{theme}-content fig-alt="{said}"}}'
