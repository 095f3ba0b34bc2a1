"""How long texts count: at the mean where it is known, at the longest where memory is."""

from math import inf

import numpy as np
import pytest
from proxylab.cost.data_sets import Texts, characters_a_token, data_set
from proxylab.cost.formulas import activation_bytes
from proxylab.cost.models import ModelSize
from proxylab.cost.plans import work_of
from proxylab.cost.setting import setting_of
from proxylab.cost.work import Length, generate, score, train
from proxylab.preferences import load_preferences
from proxylab.preferences.transcripts import full_text
from proxylab.profiles import load_profile

REWARD = ModelSize("reward", body=1000, vocabulary=5, hidden=4, layers=2, output=0)
# Of whose logits 2^28 / (512 x 8192) = 64 rows of 512 tokens fit, or 2^28 / 8192 tokens.
POLICY = ModelSize("policy", body=1000, vocabulary=8192, hidden=4, layers=2, output=8192)


@pytest.fixture(scope="module")
def gpu():
    return load_profile("gpu")


def named(notebook, profile, **values):
    works = work_of(notebook, {"seed": 0, "data": "hh-rlhf", **values}, profile)
    return {work.what: work for work in works}


def test_operations_are_of_the_mean_and_memory_of_the_longest():
    work = train("t", REWARD, 100, Length(8, 3.0), 20)
    # 300 tokens x 3 x (2 x 1000 weights + 4 x 4 wide x 2 layers x 1.5 others)
    assert work.n_tokens == 300
    assert work.flops == 300 * 3 * (2000 + 4 * 2 * 4 * 1.5)
    assert work.bytes_needed == 16 * REWARD.parameters + activation_bytes(REWARD, 20 * 8)


def test_an_unknown_mean_is_the_longest():
    assert Length.within(8) == Length(8, 8)
    assert Length.within(8, 100.0) == Length(8, 8)
    assert Length.within(8, 3.5) == Length(8, 3.5)


def test_the_longest_fill_the_first_pass_and_the_rest_go_by_the_mean():
    texts = Length(512, 128.0)
    # 16,384 tokens a pass: 32 of the longest, then 128 of the mean; 68 are left
    assert score("s", REWARD, 100, texts).n_passes == 1 + 1
    assert score("s", REWARD, 32 + 257, texts).n_passes == 1 + 3
    assert score("s", REWARD, 100, texts).batch == 32  # which memory goes by
    # two calls of 50: 32 and 18 in each
    assert score("s", REWARD, 100, texts, at_once=50).n_passes == 2 * 2
    assert score("s", REWARD, 100, texts, at_once=20).n_passes == 5
    # language models: no more than 256 rows, where 2^28 / (128 x 8192) would fit; or as told
    assert score("s", POLICY, 64 + 512, texts).n_passes == 1 + 2
    assert score("s", POLICY, 64 + 512, texts, most=128).n_passes == 1 + 4
    # two models' logits halve the room
    assert score("s", POLICY, 32 + 256, texts, n_held=2).n_passes == 1 + 2
    # every new token is a pass
    assert generate("g", POLICY, 512, texts, 3).n_passes == 2 * 3


def test_a_larger_vocabulary_is_no_longer_than_the_largest_measured():
    found = [characters_a_token(n) for n in (300, 2048, 4000, 8192, 50_304)]
    assert found == [1.0, 3.3, 3.3, 4.1, 4.1]


def test_texts_of_hh_rlhf_by_hand():
    whole = Texts.of(data_set("hub"), 8192)  # the same data, wherever it is read from
    assert whole == Texts(pytest.approx(963 / 4.1), pytest.approx(651 / 4.1))
    harmless = Texts.of(data_set("hh-rlhf", "harmless"), 2048)
    assert harmless == Texts(pytest.approx(675 / 3.3), pytest.approx(486 / 3.3))
    assert Texts.of(data_set("pku-safe-rlhf", "harmless"), 50_304) == Texts(inf, inf)
    subsets = [data_set("hh-rlhf", task) for task in ("harmless", "helpful")]
    for column in ("pairs_train", "pairs_test"):
        parts = [getattr(part, column) for part in subsets]
        assert sum(parts) == getattr(data_set("hh-rlhf"), column)
    for column in ("text_characters", "prompt_characters"):
        sums = [part.pairs_train * getattr(part, column) for part in subsets]
        mean = getattr(data_set("hh-rlhf"), column)
        assert sum(sums) / 160_800 == pytest.approx(mean, rel=2e-3)


def test_every_text_of_a_run_has_its_length(gpu):
    tokens = {name: n / 4.1 for name, n in {"pair": 963, "prompt": 651}.items()}
    found = named("align", gpu, algorithm="ppo", proxies=("raw",))
    for what in ("base model", "policy", "reward model", "test pairs", "gold"):
        assert found[what].length == Length(512, pytest.approx(tokens["pair"])), what
    answered = Length(512, pytest.approx(tokens["prompt"] + gpu.text_policy.max_new_tokens))
    for what in ("ppo: rollouts: sampled", "ppo: policy", "ppo: proxy", "ppo: gold"):
        assert found[what].length == answered, what
    helpful = named("shf_cas", gpu, task="helpful", selectors=("random",))
    assert helpful["refits"].length.mean == pytest.approx(1066 / 4.1)
    assert helpful["base model"].length.mean == pytest.approx(tokens["pair"])  # of all pairs


def test_texts_that_nobody_has_measured_are_as_long_as_they_may_be(gpu):
    paper, cpu = load_profile("paper"), load_profile("cpu")
    run = {"seed": 0, "data": "pku-safe-rlhf", "task": "harmless"}
    for work in work_of("measure_conflict", run, paper):
        assert work.length == Length(512, 512), work.what
    world = work_of("measure_conflict", {"seed": 0, "data": "world", "task": "safety"}, cpu)
    assert all(work.length.mean == work.length.longest for work in world)


@pytest.mark.parametrize(("task", "capped"), [("", 215), ("harmless", 156), ("helpful", 236)])
def test_a_mean_is_near_what_is_left_of_texts_when_they_are_cut(gpu, task, capped):
    # Tokens of the test splits by a tokenizer of 8,192 entries, trained on half of them and counted
    # on the other, each text cut at 512; subsets weighted by their training pairs.
    setting = setting_of(gpu, "hh-rlhf", 0, task)
    assert setting.reads(512, replies=False).mean == pytest.approx(capped, rel=0.15)


def test_characters_are_those_of_the_data(real_data):
    pairs = load_preferences(real_data, split="test", subsets=["harmless-base"]).pairs
    known = data_set("hh-rlhf", "harmless")
    assert known.pairs_test == pytest.approx(len(pairs), rel=0.01)
    assert np.mean([len(p) for p in pairs["prompt"]]) == pytest.approx(486, rel=0.01)
    texts = [
        full_text(p, r) for s in ("chosen", "rejected") for p, r in pairs[["prompt", s]].values
    ]
    assert np.mean(list(map(len, texts))) == pytest.approx(known.text_characters, rel=0.01)
