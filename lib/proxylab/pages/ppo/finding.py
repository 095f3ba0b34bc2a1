"""The PPO page's answer in a few sentences, each from the sections below it."""

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.alignment_rows import GOOD, POOR, seeds_caution
from proxylab.pages.ppo.outcomes import contrasts, win_rows
from proxylab.pages.ppo.rows import START_NAME, arms_by_seed, policy_name, ppo_rows
from proxylab.pages.ppo.training import ALPHA, RULERS, rank_rows
from proxylab.pages.verdicts import HIGHER, LOWER, NOT_AFTER_HOLM, ONE_SEED
from proxylab.results import MissingResults
from proxylab.tables import joined, number

SAID = {
    HIGHER: "higher",
    LOWER: "lower",
    NOT_AFTER_HOLM: "apart before Holm's correction only",
    ONE_SEED: "from one seed, not judged",
}
INSIDE = "inside the noise"


def statement(profile: str) -> Markdown:
    """Does a better reward model make a better policy, and does training show it."""
    rows = ppo_rows(profile, "evaluation")
    parts = [_good_less_poor(profile), _over_start(profile), _wins(profile), _ranks(profile)]
    return Markdown("\n\n".join(part for part in [*parts, seeds_caution(rows)] if part))


def _good_less_poor(profile: str) -> str:
    found = contrasts(profile)
    good, poor = policy_name(GOOD), policy_name(POOR)
    own = found[found["comparison"] == f"{good} − {poor}"]
    if own.empty:
        return f"The reward models *{poor}* and *{good}* have not both been run."
    arms = arms_by_seed(profile).groupby("name")["accuracy"].mean()
    return (
        f"**From one reward model to another.** From *{poor}* ({number(100 * arms[poor], 1)} % of "
        f"cleaned test pairs right) to *{good}* ({number(100 * arms[good], 1)} %), the gold reward "
        "of PPO's policy changes by "
        f"{joined(own)[0]}: {SAID.get(own['verdict'].iloc[0], INSIDE)}."
    )


def _over_start(profile: str) -> str:
    found = contrasts(profile)
    own = found[found["comparison"].str.endswith(f" − {START_NAME}")]
    if own.empty:
        return ""
    said = [
        f"*{row.comparison.removesuffix(f' − {START_NAME}')}* {text} "
        f"({SAID.get(row.verdict, INSIDE)})"
        for row, text in zip(own.itertuples(), joined(own), strict=True)
    ]
    return f"**Against the policy that it started from**, gold reward: {'; '.join(said)}."


def _wins(profile: str) -> str:
    try:
        found = win_rows(profile)
    except MissingResults:  # what the data's reply is worth may not be known
        return ""
    said = [
        f"*{row.name}* {number(100 * row.win, 0)} % to {number(100 * row.lose, 0)} %"
        for row in found.itertuples(index=False)
    ]
    return f"**Against the data's chosen reply**, wins to losses by gold: {', '.join(said)}."


def _ranks(profile: str) -> str:
    found: pd.DataFrame = rank_rows(profile).set_index("ruler")
    if found["n_arms"].max() < 2:
        return ""
    reward, accuracy = (found.loc[RULERS[name]] for name in ("training_reward", "accuracy"))
    return (
        "**What training shows.** The mean reward at the end of training has a rank correlation "
        f"of {number(reward['rho'])} with the final gold reward ({_clear(reward)}), accuracy on "
        f"pairs one of {number(accuracy['rho'])} ({_clear(accuracy)})."
    )


def _clear(row: pd.Series) -> str:
    return "beyond chance" if row["p"] < ALPHA else "not told from chance"
