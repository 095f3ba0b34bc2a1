"""Where a run works, the controlled world or real text: its models, lengths and numbers of pairs.

The profile says all of it but what is known of the data (`data_sets`). Models that runs share (a
base, a policy, a preference model that stands for gold) are work of their own, named by what they
are made from, so that a profile's total counts them once.
"""

from dataclasses import dataclass
from math import inf

from proxylab.cost.data_sets import DataSet, Texts, data_set
from proxylab.cost.models import ModelSize, model_of, size_from_scratch
from proxylab.cost.trainers import dialogues, ranked
from proxylab.cost.work import Length, Work
from proxylab.policies.tokenizers import TURN_MARKERS
from proxylab.profiles import BackboneSettings, Profile
from proxylab.studies.tasks.regions import KNOWN_TO_POLICY, KNOWN_TO_PROXY, coverage
from proxylab.world import lexicon

WORLD = "world"
SPECIAL_TOKENS = 3 + len(TURN_MARKERS)  # padding, end, unknown; of a tokenizer of whole words


@dataclass(frozen=True)
class Setting:
    """Models of one world or of one data set, and how much of everything there is.

    policy_length, reward_length, gold_length: tokens of prompt and reply that a model reads; new:
    tokens of a reply; texts: mean lengths. n_train, n_test: pairs of the task, or of all; n_free:
    training pairs that gold does not learn from; n_proxy: those that the task's proxy learns from.
    gold: a model that stands for gold, None where gold is a function of the text; gold_half:
    whether its weights are stored in 16 bits, in which it then scores.
    bases, gold_made, policy_made, proxy_made: what has to be trained before a run can begin, and
    before one that needs gold, the policy, the task's proxy.
    """

    name: str
    seed: int
    task: str
    policy: ModelSize
    reward: ModelSize
    gold: ModelSize | None
    gold_half: bool
    policy_length: int
    reward_length: int
    gold_length: int
    texts: Texts
    new: int
    n_samples: int
    n_train: float
    n_free: float
    n_test: float
    n_proxy: float
    bases: tuple[Work, ...]
    gold_made: tuple[Work, ...]
    policy_made: Work
    proxy_made: Work

    @property
    def taught(self) -> tuple[Work, ...]:
        """What a run on a task needs: gold, the policy, the task's proxy."""
        return (*self.gold_made, self.policy_made, self.proxy_made)

    @property
    def place(self) -> tuple[str, int, str]:
        """What tells the things that are drawn here from those drawn elsewhere."""
        return (self.name, self.seed, self.task)

    def reads(self, longest: int, *, replies: bool) -> Length:
        """Texts cut at `longest` tokens: prompts with sampled replies, or the data's own pairs."""
        return self.texts.answered(longest, self.new) if replies else self.texts.of_pairs(longest)


def setting_of(profile: Profile, data: str, seed: int, task: str = "") -> Setting:
    """The setting of a run: "world", or the name of a data set or folder; its seed and task."""
    if data == WORLD:
        return _world(profile, seed, task)
    return _text(profile, data, seed, task)


def _world(profile: Profile, seed: int, task: str) -> Setting:
    backbone, models, policy = profile.world_backbone, profile.world_reward_model, profile.policy
    longest, reward_length = backbone.size.max_length, models.training.max_length
    length, read = Length.within(longest), Length.within(reward_length)
    base = _size(backbone, len(lexicon.vocabulary()) + SPECIAL_TOKENS)
    reward, n_train = base.as_reward_model(), profile.world.n_train_pairs
    n_shown = policy.n_demonstrations
    return Setting(
        name=WORLD,
        seed=seed,
        task=task,
        policy=base,
        reward=reward,
        gold=None,
        gold_half=False,
        policy_length=longest,
        reward_length=reward_length,
        gold_length=0,
        texts=Texts(),
        new=policy.max_new_tokens,
        n_samples=policy.n_samples,
        n_train=n_train,
        n_free=n_train,
        n_test=profile.world.n_test_pairs,
        n_proxy=models.n_proxy_pairs,
        bases=(
            dialogues("base model", base, backbone.pretraining, backbone.n_dialogues, length, seed),
        ),
        gold_made=(),
        policy_made=dialogues("policy", base, policy.fine_tuning, n_shown, length, seed),
        proxy_made=ranked(
            "proxy", reward, models.proxy_training, 2 * models.n_proxy_pairs, read, seed
        ),
    )


def _text(profile: Profile, data: str, seed: int, task: str) -> Setting:
    whole, known = data_set(data), data_set(data, task)
    backbone, policy, models = profile.text_backbone, profile.text_policy, profile.text_reward_model
    drawn = min(1.0, (profile.max_text_pairs or inf) / whole.pairs_train)
    n_train = drawn * known.pairs_train
    n_free = n_train * _share_free(profile)
    divided = known.name != whole.name  # where topics have names, pools are filled up instead
    to_policy, to_proxy = _shares_known(profile) if divided else (1.0, 1.0)
    n_shown = min(policy.n_demonstrations, to_policy * n_free)
    n_proxy = min(models.n_proxy_pairs, to_proxy * n_free)
    start_backbone = backbone.model_copy(update={"base": policy.base or backbone.base})
    start, reward = _size(start_backbone), _size(backbone).as_reward_model()
    texts = Texts.of(known, reward.vocabulary)
    longest, reward_length = backbone.size.max_length, models.training.max_length
    shown, read = texts.of_pairs(longest), texts.of_pairs(reward_length)
    gold, gold_made = _gold(profile, drawn, whole, known)
    key = (data, seed, task)
    return Setting(
        name=data,
        seed=seed,
        task=task,
        policy=start,
        reward=reward,
        gold=gold,
        gold_half=profile.text_gold.model is not None and gold.download_gb > 0,
        policy_length=longest,
        reward_length=reward_length,
        gold_length=reward_length if gold_made == () else profile.text_gold.max_length,
        texts=texts,
        new=policy.max_new_tokens,
        n_samples=policy.n_samples,
        n_train=n_train,
        n_free=n_free,
        n_test=known.pairs_test,
        n_proxy=n_proxy,
        bases=_pretraining("base model", backbone, drawn, whole, seed),
        gold_made=gold_made,
        policy_made=dialogues("policy", start, policy.fine_tuning, n_shown, shown, *key),
        proxy_made=ranked("proxy", reward, models.proxy_training, 2 * n_proxy, read, *key),
    )


def _share_free(profile: Profile) -> float:
    """The share of the training pairs that gold does not learn from."""
    return 1.0 if profile.text_gold.model is not None else 1.0 - profile.text_gold.share


def _shares_known(profile: Profile) -> tuple[float, float]:
    """Of a task's pairs those in regions that the policy, and that the proxy, is taught about.

    On average over seeds, which draw the regions.
    """
    quadrants = coverage(profile.text_regions.n_regions)
    known = [sum(each in who for each in quadrants) for who in (KNOWN_TO_POLICY, KNOWN_TO_PROXY)]
    return known[0] / len(quadrants), known[1] / len(quadrants)


def _gold(
    profile: Profile, drawn: float, whole: DataSet, known: DataSet
) -> tuple[ModelSize, tuple[Work, ...]]:
    """The model that stands for gold, and its training; nothing is trained of a released one.

    Arguments: `drawn` the share of the training pairs that the profile takes; what is known of all
    pairs, and of the task's, which gold learns from.
    """
    settings = profile.text_gold
    if settings.model is not None:
        return model_of(settings.model).as_reward_model(), ()
    size = _size(settings.backbone).as_reward_model()
    n_pairs = settings.share * drawn * known.pairs_train
    n_pairs += settings.test_share * known.pairs_test
    length = Texts.of(known, size.vocabulary).of_pairs(settings.max_length)
    own = ranked("gold", size, settings.training, 2 * n_pairs, length, known.name)
    return size, (*_pretraining("base model of gold", settings.backbone, drawn, whole, 0), own)


def _pretraining(
    what: str, backbone: BackboneSettings, drawn: float, whole: DataSet, seed: int
) -> tuple[Work, ...]:
    """Pretraining on the dialogues of all pairs, both replies; none of a base that is given."""
    if backbone.base is not None:
        return ()
    size = _size(backbone)
    n = min(backbone.n_dialogues, 2 * drawn * whole.pairs_train)
    length = Texts.of(whole, size.vocabulary).of_pairs(backbone.size.max_length)
    key = (backbone.size, backbone.vocabulary_size, whole.name, seed)
    return (dialogues(what, size, backbone.pretraining, n, length, *key),)


def _size(backbone: BackboneSettings, vocabulary: int | None = None) -> ModelSize:
    if backbone.base is not None:
        return model_of(backbone.base)
    return size_from_scratch(backbone.size, vocabulary or backbone.vocabulary_size)
