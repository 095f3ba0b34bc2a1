"""*Targeting Misalignment* stage by stage on stand-ins, through its own profile."""

import numpy as np
import pytest
import torch
from proxylab.alignment import LanguageModelPolicy, align
from proxylab.conflict import pacs
from proxylab.policies import load_policy
from proxylab.preferences import load_safe_rlhf
from proxylab.preferences.topics import set_questions_aside, topic_coverage, topic_pool
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.groups import RankedGroup
from proxylab.rewards.ranked import fresh_reward_model, score_groups
from proxylab.rewards.score_models import load_score_model
from proxylab.selection import SELECTORS
from proxylab.shf_cas import Candidates, LoopSettings, RewardAnnotator, run_loop
from proxylab.studies.data import StudyData
from proxylab.studies.reward_models import backbone
from proxylab.studies.text_models import ranked_reward_model, text_policy

pytestmark = pytest.mark.usefixtures("own_build_folder")


@pytest.fixture(scope="module")
def data(places):
    train, test = (load_safe_rlhf(places["pku-safe-rlhf"], split=s) for s in ("train", "test"))
    return StudyData("pku-safe-rlhf", train, test)


@pytest.fixture(scope="module")
def pools(data):
    """Questions set aside for sampling, and the pairs of each side's topics that are left."""
    coverage, rng = topic_coverage(), np.random.default_rng(0)
    questions, rest = set_questions_aside(data.train.pairs, coverage["topic"], n=2, rng=rng)
    sides = {side: coverage["topic"][coverage[side]] for side in ("policy", "proxy")}
    return questions, {k: topic_pool(rest, v, at_most=100, rng=rng) for k, v in sides.items()}


@pytest.fixture(scope="module")
def gold(targeting):
    chosen = targeting.text_gold
    return load_score_model(chosen.model, orientation=chosen.orientation, device="cpu")


@pytest.fixture(scope="module")
def policy(targeting, data, pools):
    folder = text_policy(targeting, data, 0, pools[1]["policy"])
    return LanguageModelPolicy(*load_policy(folder, device="cpu"))


@pytest.fixture(scope="module")
def proxy(targeting, data, pools):
    settings = targeting.text_reward_model
    folder = ranked_reward_model(
        backbone(targeting, data, 0),
        pools[1]["proxy"],
        settings.proxy_training,
        max_length=settings.training.max_length,
        seed=0,
    )
    return SequenceClassifierReward.load(folder, name="proxy", device="cpu")


@pytest.fixture(scope="module")
def candidates(targeting, policy, gold, pools):
    sampling, coverage = targeting.text_policy, topic_coverage().set_index("topic")
    questions = pools[0]
    drawn = policy.sample(
        questions["prompt"].tolist(),
        n_samples=sampling.n_samples,
        max_new_tokens=sampling.max_new_tokens,
        temperature=sampling.temperature,
        seed=0,
    )
    return Candidates(
        prompts=drawn.prompts,
        responses=drawn.responses,
        policy_logprob=drawn.policy_logprob,
        n_tokens=drawn.n_tokens,
        region=questions["topic"].to_numpy(object),
        quadrant=coverage.loc[questions["topic"], "quadrant"].to_numpy(object),
        gold_reward=score_groups(gold, drawn.prompts, drawn.responses),
    )


def assert_moved_through_adapters(before, after):
    """Only linear layers of the trunk have adapters; without them every weight would move.

    Frozen weights may come back as bfloat16 has them, where the profile keeps them so.
    """
    old, new = before.state_dict(), after.state_dict()
    assert old.keys() == new.keys()  # merged: no adapter is left
    moved = {name for name in old if not _equal_or_rounded(old[name], new[name])}
    linear = {f"{name}.weight" for name, part in before.named_modules() if _is_linear(part)}
    assert moved
    assert moved <= linear - {"lm_head.weight"}


def _equal_or_rounded(old: torch.Tensor, new: torch.Tensor) -> bool:
    return torch.equal(old, new) or torch.equal(old.bfloat16().float(), new)


def _is_linear(part: torch.nn.Module) -> bool:
    return isinstance(part, torch.nn.Linear)


def test_ten_topics_are_asked_of_and_nothing_is_trained_on_what_is_asked(pools):
    questions, sides = pools
    assert questions["topic"].nunique() == 10
    for pairs in sides.values():
        assert len(pairs)
        assert not set(pairs["prompt"]) & set(questions["prompt"])
    # 60 rows in turn over ten topics, two questions of each set aside: four rows a topic are left.
    assert {side: len(pairs) for side, pairs in sides.items()} == {"policy": 20, "proxy": 20}


def test_the_policy_is_the_base_moved_through_adapters_and_merged(targeting, policy):
    base = load_policy(targeting.text_policy.base, device="cpu")[0]
    assert type(policy.model) is type(base)
    assert_moved_through_adapters(base, policy.model)


def test_gold_turns_the_cost_once(targeting, gold, candidates):
    raw = load_score_model(targeting.text_gold.model, orientation=1, device="cpu")
    costs = score_groups(raw, candidates.prompts, candidates.responses)
    np.testing.assert_allclose(candidates.gold_reward, -costs, atol=1e-5)
    assert (np.ptp(costs, axis=1) > 0).any()


def test_conflict_is_defined_on_what_was_sampled(candidates, proxy, targeting):
    n = targeting.text_policy.n_samples
    assert candidates.policy_logprob.shape == (20, n)  # two questions of each of ten topics
    rewards = score_groups(proxy, candidates.prompts, candidates.responses)
    conflict = np.nanmean(np.abs(pacs(candidates.policy_logprob, rewards)), axis=1)
    defined = np.isfinite(conflict)
    assert defined.mean() > 0.5
    assert (conflict[defined] <= 2).all()  # the bound of any prompt


@pytest.mark.parametrize("selector", ["conflict", "random"])
def test_one_round_buys_its_budget_and_refits_from_the_backbone(
    selector, targeting, data, pools, candidates, proxy, gold
):
    scale, settings = targeting.conflict, targeting.text_reward_model
    loop = LoopSettings(
        selector=selector,
        rounds=scale.rounds,
        budget=scale.budget,
        training=scale.refinement,
        n_replay=scale.n_replay,
        kl=scale.kl,
        refit="scratch",
        seed=0,
    )
    base = backbone(targeting, data, 0)
    fresh = fresh_reward_model(
        base, load_policy(base)[1], max_length=settings.training.max_length, seed=0
    )
    start, refined = run_loop(
        proxy,
        candidates,
        annotator=RewardAnnotator(gold),
        settings=loop,
        original_pairs=pools[1]["proxy"],
        backbone=fresh,
    )
    assert start.n_labels == 0
    assert refined.n_labels == refined.chosen.sum() == scale.budget
    before, after = (
        score_groups(state.reward_model, candidates.prompts, candidates.responses)
        for state in (start, refined)
    )
    assert not np.allclose(before, after)


@pytest.mark.parametrize("name", ["sft", "dpo", "pro", "ppo"])
def test_each_algorithm_takes_its_steps_through_adapters(
    name, targeting, elephant, policy, proxy, pools
):
    pairs = pools[1]["policy"]
    signals = {"sft": pairs, "dpo": pairs, "ppo": proxy}
    signals["pro"] = [
        RankedGroup(pair.prompt, (pair.chosen, pair.rejected), (1.0, 0.0))
        for pair in pairs.itertuples()
    ]
    of_paper = targeting if name in ("sft", "ppo") else elephant  # whose settings these are
    settings = of_paper.alignment.settings_of(name)
    prompts = pools[0]["prompt"].tolist()
    aligned = align(policy, signals[name], settings, prompts=prompts)
    losses = aligned.history.steps.filter(like="loss")
    assert losses.size
    assert np.isfinite(losses).all().all()
    assert_moved_through_adapters(policy.model, aligned.policy.model)


def test_every_selector_that_is_planned_exists(targeting):
    planned = [run for run in targeting.batch if run.notebook == "shf_cas"]
    names = {name for run in planned for row in run.parameters["selectors"] for name in row}
    assert names <= set(SELECTORS)
