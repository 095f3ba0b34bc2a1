"""Votes refit the proxy: right ones teach it what is good, and the table says by how much."""

import numpy as np
import pandas as pd
import pytest
import torch
from proxylab.people import assign, completion_votes, pool_batch
from proxylab.people.one_round import BEFORE, refit_table
from proxylab.policies import word_tokenizer
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.interface import CallableReward
from proxylab.rewards.ranked import RankedTraining
from proxylab.shf_cas import Candidates, LoopSettings, RewardAnnotator, VotesAnnotator
from transformers import GPTNeoXConfig, GPTNeoXForSequenceClassification

from .conftest import answer

FILLER = ("red", "blue", "green")
WORDS = (*FILLER, "tell", "me", "good", "bad")


def gold_reward(prompts, responses):
    """Good words less bad words."""
    return np.array([r.split().count("good") - r.split().count("bad") for r in responses], float)


def candidates(n_prompts, seed):
    """Four replies of one to four good and bad words each."""
    rng = np.random.default_rng(seed)
    shape = (n_prompts, 4)
    texts = [
        " ".join(rng.choice(["good", "bad"], rng.integers(1, 5))) for _ in range(4 * n_prompts)
    ]
    asked = [
        f"\n\nHuman: tell me {' '.join(rng.choice(FILLER, 4))}\n\nAssistant:"
        for _ in range(n_prompts)
    ]
    return Candidates(
        prompts=asked,
        responses=np.array(texts, object).reshape(shape),
        policy_logprob=rng.normal(-8, 3, shape),
        n_tokens=np.full(shape, 4),
        region=np.full(n_prompts, "here"),
        quadrant=np.full(n_prompts, "both"),
        gold_reward=gold_reward(None, texts).reshape(shape),
    )


@pytest.fixture
def proxy():
    """A reward model that knows nothing."""
    tokenizer = word_tokenizer(WORDS, max_length=32)
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    config = GPTNeoXConfig(
        vocab_size=len(tokenizer),
        num_attention_heads=2,
        max_position_embeddings=32,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=1,
        **size,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = GPTNeoXForSequenceClassification(config)
    return SequenceClassifierReward(model, tokenizer, name="proxy", device="cpu")


def test_votes_for_good_words_teach_the_proxy(proxy):
    pool, held_out = candidates(24, 0), candidates(40, 1)
    chosen = np.zeros(pool.shape, bool)
    chosen[:16] = True
    batch = pool_batch(pool.prompts, pool.responses, chosen, plan="all")
    shares = assign(batch, ["ann"])
    said = []
    for task in shares["ann"]:
        one, other = gold_reward(None, task.texts)
        choice = "tie" if one == other else ("first" if one > other else "second")
        said.append(answer(task, "ann", choice))
    people = VotesAnnotator(completion_votes(batch, said))
    training = RankedTraining(epochs=25, learning_rate=1e-2, warmup_steps=2)
    settings = LoopSettings(
        selector="random", budget=3, kl=0.1, n_replay=0, training=training, seed=0
    )
    table = refit_table(
        proxy,
        pool,
        held_out,
        chosen,
        {"people": people, "gold": RewardAnnotator(CallableReward("gold", gold_reward))},
        settings=settings,
        original_pairs=pd.DataFrame({"prompt": [], "chosen": [], "rejected": []}),
        rng=np.random.default_rng(0),
        n_resamples=50,
    ).set_index("labels")
    assert table.index.tolist() == [BEFORE, "people", "gold"]
    assert table["labelled"].tolist() == [0, 64, 64]  # 16 prompts of 4
    zero = table.loc[BEFORE, "gained"]
    assert (zero.estimate, zero.low, zero.high) == (0, 0, 0)
    people = table.loc["people"]
    assert people["accuracy"].estimate > 0.8
    assert people["gained"].low > 0
    gain = people["accuracy"].estimate - table.loc[BEFORE, "accuracy"].estimate
    assert people["gained"].estimate == pytest.approx(gain)
