"""The proxies that a policy is aligned with: trained, released, biased or refined ones, by name.

All are put on one scale: mean 0 over the start policy's completions, as is usual (Ziegler et al.
2019, section 2.1), and standard deviation 1 among the completions of one prompt. Only that spread
can an optimiser use, so that one KL coefficient, and one dose of a bias, means the same to each.
Accuracy, ranks and best-of-n do not see the scale.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from proxylab.artifacts import cached_artifact
from proxylab.bias import BiasedReward, ScoreBias, make_bias, named_dose
from proxylab.bias.scores import REFUSAL_PHRASES, RefusalBias
from proxylab.hub_revisions import revision_to_load
from proxylab.names import did_you_mean
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.interface import RewardModel
from proxylab.rewards.loading import load_proxy
from proxylab.rewards.saving import save_reward_model
from proxylab.runs import ShfCas
from proxylab.studies.alignment.arms import CLEANED, RAW, STANDARD, STRONG, UNBIASED
from proxylab.studies.alignment.pair_proxies import pair_proxy, trained_pair_proxy
from proxylab.studies.alignment.prompts import MIXED
from proxylab.studies.alignment.setting import Setting
from proxylab.studies.alignment.signals import relabelled, with_replies
from proxylab.studies.reward_models import MODEL, pair_reward_model
from proxylab.studies.shf_cas import LOOP_CODE
from proxylab.studies.shf_cas_setting import prepare, rounds_of
from proxylab.studies.tasks import WORLD_REFUSALS, task_models
from proxylab.studies.world_models import drawn_once, trained_proxy
from proxylab.world.demonstrations import ALL_TOPICS, proxy_preferences

GOLD, TASK_PROXY, REFINED = "gold", "task", "shf_cas:"
SCALE_STREAM, STRONG_STREAM = 53, 54


@dataclass(frozen=True)
class StandardisedReward:
    """A reward model on the scale of the start policy's completions: (score - mean) / sd.

    sd: the root of the mean variance among the completions of one prompt.
    """

    model: RewardModel
    mean: float
    sd: float

    @property
    def name(self) -> str:
        """The name of the model itself."""
        return self.model.name

    def score(self, prompts, responses) -> np.ndarray:
        """Standardised scores `(n,)`, higher is better."""
        return (self.model.score(prompts, responses) - self.mean) / self.sd


def proxy_named(name: str, bias: str, setting: Setting) -> RewardModel:
    """The proxy of this name on the start policy's scale, with a bias of its scores.

    Names: "raw" and "cleaned", a reward model trained on these pairs ("raw@0.1": on a tenth;
    "raw-small": a small one);
    "strong", trained on many pairs without noise: the world's own, or those that "raw" learns
    from, as gold orders them; "task", the biased proxy of the run's task;
    "shf_cas:<selector>", that proxy after one round of feedback; "gold"; else a folder or hub id.
    `bias` is "none" or "<bias>=<dose>", the dose in standard deviations of the proxy's score among
    completions of one prompt (of length_bias: standard deviations a word).
    Raises ValueError for a name, bias or dose that does not exist.
    """
    standardised = _standardised(name, setting)
    parsed = parse_bias(bias, WORLD_REFUSALS if setting.world is not None else REFUSAL_PHRASES)
    return standardised if parsed is None else BiasedReward(standardised, [parsed])


def _standardised(name: str, setting: Setting) -> StandardisedReward:
    """The proxy on its scale; the last one is kept, for a run asks for all its biases in turn."""
    if name not in setting.last_proxy:
        setting.last_proxy.clear()
        setting.last_proxy[name] = _on_scale(_reward_model(name, setting), setting)
    return setting.last_proxy[name]


def parse_bias(text: str, refusals: tuple[str, ...]) -> ScoreBias | None:
    """The score bias that "<bias>=<dose>" names, None for "none".

    Arguments: `refusals` phrases of a reply that refuses.
    Raises ValueError for anything else, and for a bias of data, which no score can be given.
    """
    if text == UNBIASED:
        return None
    name, dose = named_dose(text)
    options = {"phrases": refusals} if name == RefusalBias.name else {}
    bias = make_bias(name, dose, **options)
    if not isinstance(bias, ScoreBias):
        raise ValueError(f"{name} is a bias of data, not of scores: train a proxy on biased pairs")
    return bias


def _reward_model(name: str, setting: Setting) -> RewardModel:
    on_pairs = pair_proxy(name)
    if on_pairs is not None:
        return trained_pair_proxy(on_pairs, setting)
    if name == GOLD:
        return setting.gold
    if name == STRONG:
        return SequenceClassifierReward.load(_strong(setting), name=name)
    if name == TASK_PROXY and setting.settings.task != MIXED:
        chosen = setting.settings
        models = task_models(setting.profile, chosen.task, chosen.seed, data=chosen.data)
        return SequenceClassifierReward.load(models.proxy, name=name)
    if name.startswith(REFINED) and setting.settings.task != MIXED:
        return SequenceClassifierReward.load(_refined(name, setting), name=name)
    return _from_elsewhere(name, setting)


def _from_elsewhere(name: str, setting: Setting) -> RewardModel:
    if Path(name).is_dir() or "/" in name:
        return load_proxy(name, revision=revision_to_load(name))
    known = [RAW, CLEANED, STRONG, GOLD]
    known += [TASK_PROXY, f"{REFINED}conflict"] if setting.settings.task != MIXED else []
    raise ValueError(
        f"no proxy `{name}` for data={setting.settings.data!r}, task={setting.settings.task!r}"
        f"{did_you_mean(name, known)}: there are {', '.join(known)}, and any folder or hub id of a "
        "reward model"
    )


def _strong(setting: Setting) -> Path:
    """A reward model of pairs without noise, in all topics: as good as this size gets."""
    if setting.world is None:
        return _strong_on_text(setting)
    profile, seed = setting.profile, setting.settings.seed
    n, world = profile.alignment.n_strong_pairs, profile.world_of(seed)

    def draw() -> pd.DataFrame:
        rng = np.random.default_rng([seed, STRONG_STREAM])
        return proxy_preferences(setting.world, n, rng, topics=ALL_TOPICS)

    pairs = drawn_once({"world": world, "n": n, "seed": seed, "for": STRONG}, draw)
    return trained_proxy(profile, seed, pairs)


def _strong_on_text(setting: Setting) -> Path:
    """Trained as "raw" is, with gold's opinion in the place of the published labels."""
    profile, seed = setting.profile, setting.settings.seed
    pairs = with_replies(setting.cleaned.pairs("train"))
    rng = np.random.default_rng([seed, STRONG_STREAM])
    rows = np.sort(rng.permutation(len(pairs))[: profile.alignment.n_strong_pairs])
    ordered = relabelled(pairs.iloc[rows].reset_index(drop=True), setting.gold)
    training = profile.text_reward_model.training.model_copy(update={"seed": seed})
    return pair_reward_model(ordered, setting.proxy_base(), training) / MODEL


def _refined(name: str, setting: Setting) -> Path:
    """The task's proxy after one round of SHF-CAS that spends the whole labelling budget."""
    chosen, selector = setting.settings, name.removeprefix(REFINED)
    loop = ShfCas(
        profile=chosen.profile,
        seed=chosen.seed,
        data=chosen.data,
        task=chosen.task,
        selectors=(selector,),
        rounds=1,
        refit=setting.profile.conflict.refit,
    )
    shared = prepare(loop, setting.profile)

    def make(folder: Path) -> None:
        *_, last = rounds_of(shared, selector)
        model = last.reward_model
        save_reward_model(model.model, model.tokenizer, model.card, folder / MODEL)

    made_from = {"loop": shared.loop(selector), "task": chosen.task}
    made_from |= {"gold": shared.models.gold_identity, "pool": shared.pool.fingerprint}
    made_from |= {"policy": shared.models.policy.name, "proxy": shared.models.proxy.parent.name}
    made_from |= {"sampling": asdict(shared.models.sampling), "scale": setting.profile.conflict}
    return cached_artifact("refined-proxy", made_from, make, code=LOOP_CODE) / MODEL


def _on_scale(model: RewardModel, setting: Setting) -> StandardisedReward:
    """The model standardised over completions of the start policy on training prompts."""
    sample = scale_sample(setting)
    scores = model.score(sample["prompt"].tolist(), sample["response"].tolist())
    of_prompts = scores.reshape(-1, setting.profile.alignment.n_scale_samples)
    within = float(np.sqrt(of_prompts.var(axis=1, ddof=1).mean()))
    return StandardisedReward(model, float(scores.mean()), within or 1.0)


def scale_sample(setting: Setting) -> pd.DataFrame:
    """Completions of the start policy on training prompts, those of one prompt together.

    Columns prompt, response.
    """
    scale, start = setting.profile.alignment, setting.start_folder(STANDARD)
    prompts = setting.train_prompts["prompt"].tolist()[: scale.n_scale_prompts]

    def make(folder: Path) -> None:
        policy = setting.start(STANDARD)
        drawn = setting.sample(
            policy, prompts, stream=SCALE_STREAM, n_samples=scale.n_scale_samples
        )
        repeated = np.repeat(np.array(prompts, dtype=object), scale.n_scale_samples)
        frame = pd.DataFrame({"prompt": repeated, "response": drawn.responses.ravel()})
        frame.to_parquet(folder / "samples.parquet")

    made_from = {
        "policy": start.name,
        "prompts": json.dumps(prompts),
        "n_samples": scale.n_scale_samples,
        "max_new_tokens": setting.max_new_tokens,
        "seed": setting.settings.seed,
    }
    code = ("machine/device", "policies", "studies/alignment/proxies")
    return pd.read_parquet(
        cached_artifact("scale-sample", made_from, make, code=code) / "samples.parquet"
    )
