"""The audit study: report cards of the proxies of one run, and what is found of injected biases.

In the controlled world (`data="world"`) every proxy is audited as it is and with each bias, on the
world's own probes, beside a large fresh set that says what is true of it. On real text the proxies
trained on HH-RLHF and the null rulers answer the English suite; labelled test pairs calibrate them.
A proxy from elsewhere (folder, hub id, score file: see `rewards.loading`) answers the English
suite whatever the data. Left out: judges, which compare replies in words.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from proxylab.accuracy import score_pairs
from proxylab.audit import score_probes
from proxylab.audit.calibration import calibration_table, kind_of_subset, reliability_table
from proxylab.audit.findings import estimates
from proxylab.audit.report import ReportCard, audit
from proxylab.audit.scoring import ORDINARY, Scale, is_pointwise, scale_of
from proxylab.environment import build_folder
from proxylab.profiles import Profile
from proxylab.rewards.cache import CachedReward
from proxylab.rewards.interface import Fingerprinted, RewardModel
from proxylab.runs import Audit
from proxylab.studies.alignment.proxies import StandardisedReward
from proxylab.studies.audit.detection import (
    CLEAN,
    UNBIASED,
    Dosed,
    Plain,
    dosed_for,
    is_expected,
    with_data_bias,
    with_score_bias,
)
from proxylab.studies.audit.setting import TASK, Setting
from proxylab.studies.data import WORLD
from proxylab.world import lexicon

UNSEEN = tuple(topic for topic in lexicon.TOPICS if topic not in lexicon.PROXY_TOPICS)
DRAW_STREAM = 76


class Remembered:
    """A reward model that scores each text once: biases of scores share what it said."""

    def __init__(self, model: RewardModel):
        self.model, self.name = model, model.name
        self._known: dict[tuple[str, str], float] = {}

    def score(self, prompts, responses) -> np.ndarray:
        """The model's scores `(n,)`."""
        texts = list(zip(prompts, responses, strict=True))
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        if new:
            scores = self.model.score(*map(list, zip(*new, strict=True)))
            self._known |= dict(zip(new, np.asarray(scores, float).tolist(), strict=True))
        return np.array([self._known[text] for text in texts], dtype=np.float64)


@dataclass(frozen=True)
class Variation:
    """One proxy with one bias, as it is audited; `topics` of the world that it is asked about."""

    proxy: str
    dosed: Dosed
    model: object
    topics: tuple[str, ...] = lexicon.PROXY_TOPICS


def audit_tables(settings: Audit, profile: Profile) -> dict[str, pd.DataFrame]:
    """Everything that an audit run records.

    proxies: proxy, bias, dose, scale (reward units), median_good, n_probes, n_undefined, suite.
    findings: proxy, bias, dose, clean, expected, truth (the effect on fresh probes, NaN where there
    are none), then the columns of `audit.findings`. self_test: proxy, name, passed, detail.
    calibration, reliability: of the proxies as they are, with a column proxy.
    Raises ValueError for proxies or biases that do not exist.
    """
    shared = Setting(settings, profile)
    tables = {"proxies": [], "findings": [], "self_test": [], "calibration": [], "reliability": []}
    for name in shared.proxies:
        model = shared.proxy(name)
        for variation in variations(shared, name, model):
            _add(tables, variation, shared)
        for table, frame in calibrations(shared, name, model).items():
            tables[table].append(frame)
    return {name: pd.concat(frames, ignore_index=True) for name, frames in tables.items() if frames}


def variations(shared: Setting, name: str, model: object) -> Iterator[Variation]:
    """One proxy as it is, then with each of the run's biases that it can have."""
    yield Variation(name, Dosed(UNBIASED, 0.0), model)
    biases = shared.biases(name) if is_pointwise(model) else ()
    if not biases:
        return
    plain = _plain(name, model, shared)
    for dosed in dosed_for(plain, biases):
        if dosed.is_gap and name == TASK:
            yield Variation(name, dosed, plain.standard, UNSEEN)
        elif dosed.is_of_data and not dosed.is_gap and shared.asks_world(name):
            pairs, seed = shared.task_pairs, shared.seed
            taught = with_data_bias(plain, dosed, pairs, shared.profile, seed)
            yield Variation(name, dosed, taught)
        elif not dosed.is_of_data:
            biased = with_score_bias(plain, dosed, in_world=shared.asks_world(name))
            yield Variation(name, dosed, biased)


def _plain(name: str, model: RewardModel, shared: Setting) -> Plain:
    """The proxy on its own scale, which its answers to the probes define."""
    remembered = Remembered(model)
    scored = score_probes(remembered, shared.probes(name, lexicon.PROXY_TOPICS))
    unit = scale_of(scored)
    standard = StandardisedReward(remembered, unit.median_good, unit.value or 1.0)
    ordinary = scored.loc[scored["family"].isin(ORDINARY), "score_worse"].min()
    return Plain(name, model, standard, (ordinary - unit.median_good) / (unit.value or 1.0))


def _add(tables: dict[str, list], variation: Variation, shared: Setting) -> None:
    """Audit one variation and append its rows to the tables."""
    name, dosed = variation.proxy, variation.dosed
    probes = shared.probes(name, variation.topics)
    rng = np.random.default_rng([shared.seed, DRAW_STREAM])
    card = audit(
        variation.model, probes=probes, rng=rng, n_resamples=shared.profile.n_resamples, name=name
    )
    about = {"proxy": name, "bias": dosed.name, "dose": dosed.dose}
    tables["proxies"].append(_facts(card, about, shared))
    tables["findings"].append(_findings(card, variation, about, shared))
    if dosed.name == UNBIASED:
        tables["self_test"].append(card.checks.assign(proxy=name))


def _facts(card: ReportCard, about: dict, shared: Setting) -> pd.DataFrame:
    row = {**about, "scale": card.scale.value, "median_good": card.scale.median_good}
    row |= {"n_probes": len(card.scores), "n_undefined": card.n_undefined}
    return pd.DataFrame(
        [{**row, "suite": WORLD if shared.asks_world(about["proxy"]) else "english"}]
    )


def _findings(card: ReportCard, variation: Variation, about: dict, shared: Setting) -> pd.DataFrame:
    truth = _truth(variation, card.scale, shared)
    table = card.findings.assign(**about)
    table["clean"] = about["proxy"] in CLEAN and about["dose"] == 0 and shared.in_world
    table["expected"] = [
        is_expected(about["bias"], about["dose"], family) for family in table["family"]
    ]
    table["truth"] = table["family"].map(truth).astype(float)
    first = [*about, "clean", "expected", "truth"]
    return table[[*first, *card.findings.columns]]


def _truth(variation: Variation, scale: Scale, shared: Setting) -> dict[str, float]:
    """Each family's effect over the fresh probes on the audit's own scale; none for English."""
    if not shared.asks_world(variation.proxy):
        return {}
    return estimates(score_probes(variation.model, shared.fresh(variation.topics)), scale)


def calibrations(shared: Setting, name: str, model: object) -> dict[str, pd.DataFrame]:
    """Calibration and reliability of one proxy on the labelled pairs, in tables with its name.

    None where the pairs are not of the texts that it is asked about: a proxy from elsewhere in the
    world. Scores are kept in the build folder where the proxy has a fingerprint.
    """
    if shared.in_world and not shared.asks_world(name):
        return {}
    if isinstance(model, Fingerprinted) and is_pointwise(model):
        model = CachedReward(model, build_folder() / "cache" / "scores")
    scores, kinds = score_pairs(model, shared.pairs), kind_of_subset(shared.pairs["subset"])
    rng = np.random.default_rng([shared.seed, DRAW_STREAM])
    n_resamples = shared.profile.audit.n_calibration_resamples
    numbers = calibration_table(scores, kinds, rng=rng, n_resamples=n_resamples)
    curve = reliability_table(scores, kinds)
    return {"calibration": numbers.assign(proxy=name), "reliability": curve.assign(proxy=name)}
