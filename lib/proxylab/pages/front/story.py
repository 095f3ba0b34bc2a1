"""The front page's figure: the finding that carries the story, the world and real text in one."""

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.ablations.detection import TAUGHT, detection, measured
from proxylab.pages.ablations.finding import CHANCE
from proxylab.pages.ledger.on_text import DATA
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.real_text import detection as on_text
from proxylab.pages.real_text.rows import prompts
from proxylab.pages.verdicts import SHARE, widened
from proxylab.plots import publish
from proxylab.plots.charts import forest
from proxylab.results import MissingResults
from proxylab.tables import number


def story_figure(profile: str) -> Markdown:
    """Area of conflict for a wrong proxy, taught and not taught: the world's tasks, then text's."""
    rows = measured(profile, "prompts")
    world = widened(detection(rows, ["task", "taught"]), bounds=SHARE)
    text, counted = _text_areas(profile)
    areas = pd.concat([world.assign(task="world: " + world["task"]), text], ignore_index=True)
    areas = areas.sort_values("taught", ascending=False, kind="stable")
    said = " ".join(f"{row.task}, {row.taught}: {number(row.value)}." for row in areas.itertuples())
    return publish(
        "front-conflict",
        lambda figure: forest(
            figure.subplots(),
            areas,
            rows="task",
            series="taught",
            xlabel="AUROC of conflict for a wrong proxy",
            reference=CHANCE,
            reference_label="chance",
        ),
        profile=profile,
        size=(7.4, 0.75 + 0.33 * areas["task"].nunique()),
        caption="Right of chance, high conflict between base policy and proxy reward finds the "
        f"prompts where the proxy is wrong. Controlled world: {seeds_in_words(rows)}, n = "
        f"{world['n'].sum():,} prompts; {counted}; 95 % intervals over seeds and prompts.",
        alt=f"Dots with intervals, {areas['taught'].nunique()} a task. {said}",
    )


def _text_areas(profile: str) -> tuple[pd.DataFrame, str]:
    """Areas on real text by task and place, and their seeds and prompts in words."""
    try:
        found, table = on_text.conflict_areas(profile), prompts(profile)
    except MissingResults:
        return pd.DataFrame(), f"{DATA} has not been run in this profile"
    own = found[found["place"].isin(TAUGHT.values()) & ~found["thin"]]
    named = own.assign(task=f"{DATA}: " + own["task"], taught=own["place"])
    words = f"{seeds_in_words(table)}, n = {own['n'].sum():,}, by a model for gold"
    return named, f"{DATA}: {words}"
