"""Do proxies agree with people, where gold is known: figure 4 of the paper, and what it leaves out.

The world's start policy answers the test prompts of all four tranches; simulated people mark the
responses, the run's reward models and some rulers score them. Each scorer is correlated with the
people's mean mark and with gold: over one response a prompt (as in the paper), over all responses,
over prompts' means, and within a prompt, which is all that an optimiser can use. Then the same on
responses that were chosen for the scorer's own score (best of n). Left out: policies trained by
PPO, the paper's case; best of n needs no training and its strength is known.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from proxylab.annotators import make_annotators
from proxylab.evaluate.correlation import (
    METHODS,
    correlation_draws,
    mean_draws,
    redraw_counts,
    row_correlations,
)
from proxylab.profiles import Profile
from proxylab.runs import Align, MeasureCorrelation
from proxylab.studies.alignment.arms import STANDARD, UNBIASED
from proxylab.studies.alignment.choosing import distinct_scores
from proxylab.studies.alignment.proxies import proxy_named
from proxylab.studies.alignment.setting import Setting, prepare
from proxylab.studies.correlation.people import left_out_draws, simulate_scores
from proxylab.studies.correlation.real import correlation_with_people
from proxylab.studies.correlation.shards import sharding_tables
from proxylab.studies.data import WORLD
from proxylab.studies.reward_models import rulers

STREAM = 64
RULERS = ("random", "longest", "tfidf-word")
GOLD, PERSON = "gold", "one of the people"
PEOPLE = "people"  # the target: the mean mark
START, CHOSEN = "start", "best of n"  # whose responses
ONE, ALL, MEANS, WITHIN = "one response", "all responses", "prompt means", "within a prompt"


@dataclass(frozen=True)
class Scored:
    """Responses `(n_prompts, n_samples)` by their scores; people `(n_people, n_prompts, ...)`.

    scorers: by name, in the order of the tables; gold is among them, as no proxy can do better.
    """

    subset: np.ndarray
    people: np.ndarray
    scorers: dict[str, np.ndarray]
    proxies: tuple[str, ...]

    @property
    def human(self) -> np.ndarray:
        """The people's mean mark of each response."""
        return self.people.mean(axis=0)

    @property
    def gold(self) -> np.ndarray:
        """The gold reward of each response."""
        return self.scorers[GOLD]


def correlation_tables(settings: MeasureCorrelation, profile: Profile) -> dict[str, pd.DataFrame]:
    """The tables of a run, of the world or of the real people that it names."""
    if settings.data == WORLD:
        return correlation_in_world(settings, profile)
    return correlation_with_people(settings, profile)


def correlation_in_world(settings: MeasureCorrelation, profile: Profile) -> dict[str, pd.DataFrame]:
    """The tables of one seed.

    draws: policy, target ("people" or "gold"), scorer, over (ONE, ALL, MEANS, WITHIN), method,
    draw (0 the estimate, then redraws of prompts, the same ones for every row), value.
    counts: what lies behind each: n_prompts, n_responses, n_defined (prompts in whose responses
    both sides vary, for WITHIN). ceiling: one person against the others, as in draws. points,
    shards, sharding: see `shards`.
    """
    scored = score_responses(settings, profile)
    rng = np.random.default_rng([settings.seed, STREAM, 2])
    counts = redraw_counts(len(scored.subset), profile.n_resamples, rng)
    cells = _cells(scored, profile.correlation.best_of)
    first = {name: scores[:, 0] for name, scores in scored.scorers.items()}
    return {
        "draws": pd.concat([_draws(*cell, counts) for cell in cells], ignore_index=True),
        "ceiling": _ceiling(scored, counts),
        "counts": pd.DataFrame([_counts(*cell) for cell in cells]),
        **sharding_tables(
            first,
            scored.human[:, 0],
            scored.subset,
            n_shards=settings.n_shards,
            n_assignments=profile.correlation.n_assignments,
            seed=settings.seed,
        ),
    }


def score_responses(settings: MeasureCorrelation, profile: Profile) -> Scored:
    """Draw the start policy's responses to test prompts and have everyone score them."""
    setting = prepare(Align(profile=settings.profile, seed=settings.seed), profile)
    prompts = setting.test_prompts["prompt"].tolist()
    n_samples = profile.correlation.n_samples
    start = setting.start(STANDARD)
    drawn = setting.sample(start, prompts, stream=STREAM, n_samples=n_samples).responses
    scorers = {name: proxy_named(name, UNBIASED, setting) for name in profile.alignment.proxies}
    known = rulers(setting.cleaned.data, seed=settings.seed)
    scorers |= {name: known[name] for name in (*RULERS, GOLD)}
    scores = {name: distinct_scores(model, prompts, drawn) for name, model in scorers.items()}
    people = _people(drawn, scores[GOLD], settings, setting)
    subset = setting.test_prompts["subset"].to_numpy(object)
    return Scored(subset, people, scores, profile.alignment.proxies)


def _people(
    responses: np.ndarray, gold: np.ndarray, settings: MeasureCorrelation, setting: Setting
) -> np.ndarray:
    rng = np.random.default_rng([settings.seed, STREAM, 1])
    annotators = make_annotators(
        settings.n_people,
        temperature=settings.annotator_temperature,
        bias_sd=setting.profile.cleaning.annotator_bias_sd,
        rng=rng,
    )
    marks = simulate_scores(responses.ravel(), gold.ravel(), annotators=annotators, rng=rng)
    return marks.reshape(settings.n_people, *responses.shape)


def _cells(scored: Scored, n: int) -> list[tuple[dict[str, str], np.ndarray, np.ndarray]]:
    """What is correlated with what: labels, the scorer's scores and the target's."""
    cells = []
    for target, wanted in ((PEOPLE, scored.human), (GOLD, scored.gold)):
        for name, scores in scored.scorers.items():
            if name == target:
                continue
            labels = {"target": target, "scorer": name}
            cells.append(({"policy": START, **labels}, scores, wanted))
            if name in scored.proxies:
                best = best_places(scores, n)
                chosen = [np.take_along_axis(side, best, axis=1) for side in (scores, wanted)]
                cells.append(({"policy": CHOSEN, **labels}, *chosen))
    return cells


def best_places(scores: np.ndarray, n: int) -> np.ndarray:
    """The place of the best of each n responses in turn `(n_prompts, n_samples // n)`.

    Arguments: `scores` `(n_prompts, n_samples)`; of equals the first, what is left over is dropped.
    Raises ValueError when there are fewer than n samples.
    """
    n_groups = scores.shape[1] // n
    if not n_groups:
        raise ValueError(f"best of {n} needs {n} responses a prompt, there are {scores.shape[1]}")
    groups = scores[:, : n_groups * n].reshape(len(scores), n_groups, n)
    return groups.argmax(axis=2) + n * np.arange(n_groups)


def draws_over(
    x: np.ndarray, y: np.ndarray, counts: np.ndarray, method: str
) -> dict[str, np.ndarray]:
    """The correlation over each kind of item, prompts redrawn: `(n_draws,)` each.

    Arguments: `x`, `y` `(n_prompts, n_samples)`; WITHIN is the mean over prompts of each one's own
    correlation, and needs three responses a prompt: two are always in full agreement or none.
    """
    n_prompts, n_samples = x.shape
    prompts = np.repeat(np.arange(n_prompts), n_samples)
    found = {
        ONE: correlation_draws(x[:, 0], y[:, 0], counts, method=method),
        ALL: correlation_draws(x.ravel(), y.ravel(), counts, method=method, units=prompts),
        MEANS: correlation_draws(x.mean(1), y.mean(1), counts, method=method),
    }
    if n_samples > 2:
        found[WITHIN] = mean_draws(row_correlations(x, y, method=method), counts)
    return found


def _draws(labels: dict[str, str], x: np.ndarray, y: np.ndarray, counts) -> pd.DataFrame:
    frames = [
        pd.DataFrame({**labels, "over": over, "method": method, "value": draws})
        for method in METHODS
        for over, draws in draws_over(x, y, counts, method).items()
    ]
    return pd.concat([frame.assign(draw=np.arange(len(frame))) for frame in frames])


def _ceiling(scored: Scored, counts: np.ndarray) -> pd.DataFrame:
    """One person against the mean of the others: over (ONE or ALL), method, draw, value."""
    n_people, n_prompts, n_samples = scored.people.shape
    kinds = {
        ONE: (scored.people[:, :, 0], np.arange(n_prompts)),
        ALL: (scored.people.reshape(n_people, -1), np.repeat(np.arange(n_prompts), n_samples)),
    }
    frames = []
    for over, (marks, units) in kinds.items():
        for method in METHODS:
            draws = left_out_draws(marks, counts, method=method, units=units)
            labels = {"scorer": PERSON, "over": over, "method": method}
            frames.append(pd.DataFrame({**labels, "draw": np.arange(len(draws)), "value": draws}))
    return pd.concat(frames, ignore_index=True)


def _counts(labels: dict[str, str], x: np.ndarray, y: np.ndarray) -> dict[str, object]:
    varied = (np.ptp(x, axis=1) > 0) & (np.ptp(y, axis=1) > 0)
    sizes = {"n_prompts": len(x), "n_responses": x.size, "n_defined": int(varied.sum())}
    return {**labels, **sizes}
