"""The PPO page on the implementation: its numbered details, their sources, the values set."""

import pandas as pd
from IPython.display import Markdown
from pydantic import BaseModel

from proxylab.alignment.ppo import PPOSettings
from proxylab.alignment.ppo.details import DETAILS
from proxylab.pages.alignment_rows import NOTEBOOK
from proxylab.profiles import load_profile
from proxylab.results import MissingResults, load_runs
from proxylab.tables import DASH, number, show_table

WHERE = {"algorithm": "ppo"}


def settings_used(profile: str) -> tuple[PPOSettings, bool]:
    """PPO's settings as a finished run recorded them, and whether there is one.

    Without a run, those that the profile holds now.
    """
    try:
        run = load_runs(NOTEBOOK, profile=profile, where=WHERE)[-1]
    except MissingResults:
        return load_profile(profile).alignment.ppo, False
    return PPOSettings.model_validate(run.record["resolved_profile"]["alignment"]["ppo"]), True


def details_table(profile: str) -> Markdown:
    """Every numbered detail: what, who published it, where it is done, what it is set to."""
    settings, recorded = settings_used(profile)
    rows = [
        {
            "number": str(detail.number),
            "what": detail.what,
            "source": detail.source,
            "where": detail.where,
            "setting": _set_to(settings, detail.setting),
        }
        for detail in DETAILS
    ]
    whose = "as a recorded run had it" if recorded else "as the profile has it; nothing is run yet"
    return show_table(
        pd.DataFrame(rows),
        label="ppo-details",
        caption=f"The {len(DETAILS)} details of this PPO. *Where*: the module of "
        f"`proxylab.alignment.ppo`, whose comments carry the numbers. *Set to*: {whose}; a dash "
        "where there is no choice.",
        names={"number": "detail", "where": "module", "setting": "set to"},
        text=("number", "what", "source", "where", "setting"),
    )


def _set_to(settings: PPOSettings, field: str) -> str:
    if not field:
        return DASH
    value = getattr(settings, field)
    if isinstance(value, BaseModel):  # the optimiser: what differs from its class's own defaults
        defaults = type(value)()
        changed = {k: v for k, v in value.model_dump().items() if v != getattr(defaults, k)}
        return ", ".join(f"{_plain(k)} {_value(v)}" for k, v in changed.items()) or "the defaults"
    return f"{_plain(field)}: {_value(value)}"


def _plain(field: str) -> str:
    return field.replace("_", " ")


def _value(value: object) -> str:
    if value is None or value is False:
        return "off"
    if value is True:
        return "on"
    return f"{value:g}" if isinstance(value, float) else str(value)


def scale_sentence(profile: str) -> Markdown:
    """The scale of the runs shown, from what they recorded."""
    settings, recorded = settings_used(profile)
    said = "In the runs shown" if recorded else "Nothing is run yet. As the profile has it"
    n = settings.n_steps * settings.rollouts_per_step
    return Markdown(
        f"{said}: {settings.n_steps:,} steps of {settings.rollouts_per_step} rollouts ({n:,} in "
        f"all), {settings.inner_epochs} passes over each in minibatches of "
        f"{settings.minibatch_size}, KL coefficient {number(settings.beta)} standard deviations "
        f"of the proxy a nat, learning rate {settings.optimiser.learning_rate:g}."
    )
