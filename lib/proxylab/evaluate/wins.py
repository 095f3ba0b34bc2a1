"""Win, tie, lose of one policy's responses against another's, prompt by prompt.

"The Elephant in the Room", table 6 and figure 6: the aligned model against the data set's chosen
response on every test set, judged by GPT-4 and by people there and by a reward here. The paper
gives bare shares; here each has an interval over prompts, and over seeds where there are any.
Left out: judges that say win or lose without a reward, whose verdicts can go into the table as
they are.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from proxylab.names import missing_name
from proxylab.stats import Interval, bootstrap_mean, seed_prompt_bootstrap, wilson

SHARES = {"win": 1.0, "tie": 0.0, "lose": -1.0}  # share and the outcome that it counts


def win_tie_lose(reward, opponent_reward, *, margin: float = 0.0) -> np.ndarray:
    """+1 where reward > opponent's + margin, -1 where it is < opponent's - margin, else 0.

    Of the shape of `reward`, NaN where either is undefined.
    Arguments: `reward` `(n_prompts,)` or `(n_prompts, n_samples)`; `opponent_reward` the same
    shape, or one response a prompt `(n_prompts,)`; `margin` reward units, 0 or more: differences
    up to it are ties.
    Raises ValueError for other shapes and a negative margin.
    """
    reward, opponent = np.asarray(reward, float), np.asarray(opponent_reward, float)
    if not margin >= 0:
        raise ValueError(f"margin must be 0 or more, in reward units, got {margin}")
    if opponent.shape not in (reward.shape, reward.shape[:1]) or reward.ndim not in (1, 2):
        raise ValueError(
            "reward must be (n_prompts,) or (n_prompts, n_samples) and opponent_reward that or "
            f"(n_prompts,), got {reward.shape} and {opponent.shape}"
        )
    if opponent.ndim < reward.ndim:
        opponent = opponent[:, None]
    won = 1.0 * (reward > opponent + margin) - 1.0 * (reward < opponent - margin)
    return np.where(np.isnan(reward) | np.isnan(opponent), np.nan, won)


def prompt_shares(outcome) -> pd.DataFrame:
    """Shares of each prompt's samples that win, tie and lose: columns win, tie, lose, n.

    Arguments: `outcome` `(n_prompts,)` or `(n_prompts, n_samples)` of +1, 0, -1 or NaN. Shares are
    NaN and n is 0 where none is defined.
    Raises ValueError for any other value.
    """
    outcome = np.asarray(outcome, float)
    _check_outcomes(outcome)
    outcome = outcome.reshape(len(outcome), -1)
    n = np.sum(~np.isnan(outcome), axis=1)
    counts = {name: np.sum(outcome == value, axis=1) for name, value in SHARES.items()}
    nothing = np.full(len(n), np.nan)
    shares = {k: np.divide(c, n, out=nothing.copy(), where=n > 0) for k, c in counts.items()}
    return pd.DataFrame({**shares, "n": n})


def win_tie_lose_table(
    frame: pd.DataFrame,
    by: Sequence[str],
    *,
    rng: np.random.Generator,
    shared_prompts: bool = True,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> pd.DataFrame:
    """Shares of each group with intervals over prompts, or over seeds and their prompts.

    Arguments: `frame` one row a response with columns prompt (id), outcome (+1, 0, -1, or NaN: left
    out), `by`, and seed if there are several; `shared_prompts`: one prompt id means the same prompt
    in every seed. A prompt's samples are averaged first, so that each prompt weighs the same; the
    three shares then sum to 1.
    Columns: `by`, then win, tie and lose each with `_low` and `_high`, n_seeds, n (prompts of all
    seeds with a defined outcome), n_undefined (responses without one).
    Wilson's interval where every prompt holds one response and there is one seed, and where a share
    is 0 or 1 throughout, over different prompts (a bootstrap would give it no width); else
    percentile bootstraps, which three seeds make too narrow (see `stats.seed_prompt_bootstrap`).
    Raises ValueError for missing columns and any other outcome.
    """
    for column in ("prompt", "outcome", *by):
        if column not in frame:
            raise ValueError(f"win_tie_lose_table: {missing_name('column', column, frame.columns)}")
    _check_outcomes(frame["outcome"].to_numpy(float))
    rows = []
    for names, part in frame.groupby(list(by), sort=False, dropna=False):
        cells = _cells(part)
        row = dict(zip(by, names, strict=True))
        for share in SHARES:
            matrix = _matrix(cells, share, shared_prompts)
            found = _interval(matrix, cells, shared_prompts, rng, n_resamples, level)
            row |= {share: found.estimate, f"{share}_low": found.low, f"{share}_high": found.high}
        undefined = int(part["outcome"].isna().sum())
        n_seeds = cells["seed"].nunique()
        rows.append({**row, "n_seeds": n_seeds, "n": len(cells), "n_undefined": undefined})
    return pd.DataFrame(rows)


def _cells(part: pd.DataFrame) -> pd.DataFrame:
    """Shares by seed and prompt, with `one`: whether a single response was judged."""
    defined = part[part["outcome"].notna()]
    seed = defined["seed"] if "seed" in defined else np.zeros(len(defined), int)
    columns = {name: (defined["outcome"] == value) * 1.0 for name, value in SHARES.items()}
    frame = pd.DataFrame({"seed": seed, "prompt": defined["prompt"], **columns, "one": 1})
    cells = frame.groupby(["seed", "prompt"], sort=True)
    return cells[[*SHARES]].mean().assign(one=cells.size() == 1).reset_index()


def _matrix(cells: pd.DataFrame, share: str, shared_prompts: bool) -> np.ndarray:
    """One share as `(n_seeds, n_prompts)`, NaN where a seed has no such prompt."""
    column = cells["prompt"] if shared_prompts else cells.groupby("seed").cumcount()
    return (
        cells.assign(column=column).pivot(index="seed", columns="column", values=share).to_numpy()
    )


def _interval(
    matrix: np.ndarray,
    cells: pd.DataFrame,
    shared_prompts: bool,
    rng: np.random.Generator,
    n_resamples: int,
    level: float,
) -> Interval:
    values = matrix[~np.isnan(matrix)]
    if np.all(values == 0) or np.all(values == 1):
        n = matrix.shape[1] if shared_prompts else len(values)
        return wilson(n if np.any(values == 1) else 0, n, level=level)
    if len(matrix) > 1:
        options = {"n_resamples": n_resamples, "level": level, "shared_prompts": shared_prompts}
        return seed_prompt_bootstrap(matrix, rng=rng, **options)
    if cells["one"].all():
        return wilson(int(values.sum()), len(values), level=level)
    return bootstrap_mean(values, rng=rng, n_resamples=n_resamples, level=level)


def _check_outcomes(outcome: np.ndarray) -> None:
    wrong = outcome[~np.isnan(outcome) & ~np.isin(outcome, [*SHARES.values()])]
    if len(wrong):
        raise ValueError(f"an outcome must be 1 (win), 0 (tie), -1 (lose) or NaN, got {wrong[0]}")
