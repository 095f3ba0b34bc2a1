"""Figures: drawn in both themes, the same each time, with caption and alt text."""

import numpy as np
import pandas as pd
import pytest
from proxylab.plots import COLOURS, curves, forest, publish, stacked_shares
from proxylab.plots.style import DARK, LIGHT


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "model": ["a", "b", "a", "b"],
            "labels": ["raw", "raw", "cleaned", "cleaned"],
            "value": [50.0, 60.0, 55.0, 70.0],
            "low": [48.0, 58.0, 52.0, 66.0],
            "high": [52.0, 62.0, 58.0, 74.0],
        }
    )


def drawn(frame, tmp_path, label="x"):
    def draw(figure):
        forest(figure.subplots(), frame, rows="model", series="labels", xlabel="%", reference=50)

    options = {"caption": "See.", "alt": 'Dots, "a" below b.', "profile": "cpu", "root": tmp_path}
    return publish(label, draw, **options).data


def test_a_figure_has_one_file_for_each_theme_and_a_png(frame, tmp_path):
    text = drawn(frame, tmp_path)
    names = {path.name for path in (tmp_path / "figures" / "cpu").iterdir()}
    assert names == {"x-light.svg", "x-dark.svg", "x.png"}
    assert text.startswith("::: {#fig-x}")
    assert "{.light-content fig-alt=\"Dots, 'a' below b.\"}" in text
    assert text.rstrip().endswith("See.\n:::")


def test_each_theme_has_its_own_ink(frame, tmp_path):
    drawn(frame, tmp_path)
    for theme, other in ((LIGHT, DARK), (DARK, LIGHT)):
        svg = (tmp_path / "figures" / "cpu" / f"x-{theme.name}.svg").read_text().lower()
        assert theme.ink.lower() in svg
        assert other.ink.lower() not in svg


def test_the_same_figure_gives_the_same_bytes(frame, tmp_path):
    drawn(frame, tmp_path)
    first = (tmp_path / "figures" / "cpu" / "x-light.svg").read_bytes()
    drawn(frame, tmp_path)
    assert (tmp_path / "figures" / "cpu" / "x-light.svg").read_bytes() == first


def test_a_label_that_could_not_be_referred_to_is_refused(frame, tmp_path):
    with pytest.raises(ValueError, match="Bad Label"):
        drawn(frame, tmp_path, label="Bad Label")


def test_a_forest_draws_each_estimate_at_its_value(frame):
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    forest(ax, frame, rows="model", series="labels", xlabel="%")
    values = [x for container in ax.containers for x in container.lines[0].get_xdata()]
    assert values == [50.0, 60.0, 55.0, 70.0]
    # Bars end at the limits, and the two series of a row do not lie on each other.
    segments = ax.containers[0].lines[2][0].get_segments()
    assert [tuple(segment[:, 0]) for segment in segments] == [(48.0, 52.0), (58.0, 62.0)]
    assert len({y for c in ax.containers for y in c.lines[0].get_ydata()}) == 4
    plt.close(figure)


def test_curves_name_their_series_without_overlap():
    import matplotlib.pyplot as plt

    rows = [(n, s, 0.9, 0.88, 0.92) for n in (2, 4) for s in ("Same", "Opposite", "Vague")]
    frame = pd.DataFrame(rows, columns=["n", "category", "value", "low", "high"])
    figure, ax = plt.subplots()
    curves(ax, frame, x="n", series="category", xlabel="n", ylabel="recall", log_x=True)
    heights = sorted(text.xy[1] for text in ax.texts)
    low, high = ax.get_ylim()
    assert len(heights) == 3
    assert min(np.diff(heights)) >= 0.06 * (high - low)
    plt.close(figure)


def test_stacked_shares_fill_the_bar():
    import matplotlib.pyplot as plt

    frame = pd.DataFrame({"who": ["x"], "Same": [70.0], "Opposite": [30.0]})
    figure, ax = plt.subplots()
    stacked_shares(ax, frame, rows="who", parts=("Same", "Opposite"), xlabel="%")
    assert sum(bar.get_width() for bar in ax.patches) == 100
    assert ax.patches[1].get_x() == 70
    plt.close(figure)


def test_the_palette_is_distinct():
    assert len(set(COLOURS)) == len(COLOURS) >= 6
