"""The tables of one `measure_conflict` run, whichever data it is about."""

import pandas as pd

from proxylab.profiles import Profile
from proxylab.runs import MeasureConflict
from proxylab.studies.conflict_detection import bias_sweep, main_table, sampling_sweep
from proxylab.studies.conflict_tasks import task_models
from proxylab.studies.conflict_text import text_tables
from proxylab.studies.data import WORLD


def conflict_tables(settings: MeasureConflict, profile: Profile) -> dict[str, pd.DataFrame]:
    """Tables by name: in the world "prompts", "sampling", "biases"; of text "pairs", "samples"."""
    if settings.data != WORLD:
        return text_tables(settings, profile)
    models = task_models(profile, settings.task, settings.seed)
    return {
        "prompts": main_table(models, profile, settings.seed),
        "sampling": sampling_sweep(models, profile, settings.seed),
        "biases": bias_sweep(models, profile, settings.seed),
    }
