"""Sharing prefixes changes what is computed, not what comes out: scores, loss and gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from proxylab.rewards import shared_prefix
from proxylab.rewards.ranked import ranking_loss
from proxylab.rewards.shared_prefix import (
    group_scorer,
    plain_scores,
    shares_prefixes,
    token_tree,
    tree_scores,
)
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    GPTNeoXConfig,
    GPTNeoXForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
    MistralConfig,
    MistralForSequenceClassification,
)

PAD = 0
SIZE = {"vocab_size": 40, "hidden_size": 16, "num_attention_heads": 4, "num_hidden_layers": 3}
COMMON = {**SIZE, "intermediate_size": 32, "pad_token_id": PAD, "num_labels": 1}
GROUPS = [
    [[5, 6, 7, 8, 9], [5, 6, 7, 10], [5, 6, 7, 8, 9], [5, 6, 7, 8, 11, 12, 13]],
    [[20, 21, 22], [20, 21, 23, 24]],
    [[30, 31]],
    [[7, 8], [9, 8]],  # nothing in common, as after a cut from the left
]
LABELS = [[0.1, 0.7, 0.1, 0.3], [1.0, 0.0], [2.0], [0.0, 1.0]]


def neox(**changes):
    return GPTNeoXForSequenceClassification(GPTNeoXConfig(**COMMON, **changes))


def gpt2():
    config = GPT2Config(vocab_size=40, n_embd=16, n_head=4, n_layer=3, num_labels=1)
    config.pad_token_id = PAD
    return GPT2ForSequenceClassification(config)


MODELS = {
    "NeoX": lambda: neox(use_parallel_residual=False),
    "NeoX, parallel residual": lambda: neox(use_parallel_residual=True),
    "NeoX, one layer": lambda: GPTNeoXForSequenceClassification(
        GPTNeoXConfig(**{**COMMON, "num_hidden_layers": 1})
    ),
    "Llama": lambda: LlamaForSequenceClassification(LlamaConfig(**COMMON, num_key_value_heads=2)),
    "GPT-2": gpt2,  # positions are learnt, not rotary
}


def make(name):
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    with torch.no_grad():  # the initial weights are so small that a wrong mask would not show
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return model


def loss_and_gradients(model, scores):
    labels = torch.tensor(np.concatenate(LABELS))
    group = torch.tensor(np.repeat(np.arange(len(LABELS)), list(map(len, LABELS))))
    model.zero_grad()
    loss = ranking_loss(scores, labels, group)
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in model.named_parameters()}


def test_a_tree_by_hand():
    tree = token_tree([[1, 2, 3], [1, 2, 4, 5], [1, 2, 3], [1, 2]])
    # 1 - 2 - 3        nodes 0, 1, 2
    #      \- 4 - 5    nodes 3, 4
    assert tree.token.tolist() == [1, 2, 3, 4, 5]
    assert tree.depth.tolist() == [0, 1, 2, 2, 3]
    assert tree.end.tolist() == [5, 5, 3, 5, 5]
    assert tree.last.tolist() == [2, 4, 2, 1]


texts = st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=6), min_size=1, max_size=6)


@given(texts)
def test_a_node_sees_its_own_text_up_to_it_and_nothing_else(texts):
    tree = token_tree(texts)
    prefixes = {tuple(text[: i + 1]) for text in texts for i in range(len(text))}
    assert len(tree) == len(prefixes)  # each computed once
    for text, last in zip(texts, tree.last, strict=True):
        seen = [j for j in range(len(tree)) if j <= last < tree.end[j]]
        assert tree.token[seen].tolist() == text
        assert tree.depth[seen].tolist() == list(range(len(text)))


def test_padding_at_the_end_of_a_text_is_not_what_the_head_reads():
    tree = token_tree([[1, 2, PAD], [1, PAD, 2], [PAD, PAD]], pad_token_id=PAD)
    assert tree.token[tree.last].tolist() == [2, 2, PAD]
    assert tree.depth[tree.last].tolist() == [1, 2, 0]


def test_a_text_without_tokens_is_refused():
    with pytest.raises(ValueError, match="without tokens"):
        token_tree([[1], []])


@given(st.lists(st.integers(1, 20), min_size=1, max_size=12))
def test_trees_in_a_row_do_not_overlap(sizes):
    row, start = shared_prefix._pack(sizes)
    taken = {(r, i) for r, s, n in zip(row, start, sizes, strict=True) for i in range(s, s + n)}
    assert len(taken) == sum(sizes)
    assert max(i for _, i in taken) == max(sizes) - 1
    assert {r for r, _ in taken} == set(range(row.max() + 1))


@pytest.mark.parametrize("name", MODELS)
def test_scores_loss_and_gradients_are_those_of_each_text_alone(name):
    model = make(name)
    alone = torch.cat(
        [plain_scores(model, [[text]], pad_token_id=PAD) for group in GROUPS for text in group]
    )
    trees = [token_tree(group, pad_token_id=PAD) for group in GROUPS]
    shared = tree_scores(model, trees, pad_token_id=PAD)
    assert alone.std() > 0.1  # so that equal is not trivially so
    torch.testing.assert_close(shared, alone, atol=1e-5, rtol=1e-5)
    loss, gradients = loss_and_gradients(model, alone)
    shared_loss, shared_gradients = loss_and_gradients(model, shared)
    assert shared_loss == pytest.approx(loss, abs=1e-5)
    for key, gradient in gradients.items():
        torch.testing.assert_close(shared_gradients[key], gradient, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_the_scorer_shares_and_takes_groups_by_index(name, monkeypatch):
    model = make(name)
    plain = plain_scores(model, [GROUPS[2], GROUPS[0]], pad_token_id=PAD)
    monkeypatch.setattr(shared_prefix, "shares_prefixes", lambda *_, **__: True)
    monkeypatch.setattr(shared_prefix, "plain_scores", None)
    scores = group_scorer(model, GROUPS, pad_token_id=PAD)([2, 0])
    torch.testing.assert_close(scores, plain, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_causal_models_share(name):
    assert shares_prefixes(make(name), GROUPS, pad_token_id=PAD)


def test_a_text_that_ends_in_the_padding_token_is_scored_as_by_the_model_itself():
    model = make("NeoX")
    groups = [[[5, 6, 7, PAD], [5, 6, PAD, 8, PAD]]]
    trees = [token_tree(group, pad_token_id=PAD) for group in groups]
    torch.testing.assert_close(
        tree_scores(model, trees, pad_token_id=PAD),
        plain_scores(model, groups, pad_token_id=PAD),
        atol=1e-5,
        rtol=1e-5,
    )


def n_nodes_read(model, group, monkeypatch):
    """Nodes of every tree that the scorer reads for a group."""
    read = []

    def spy(model, trees, **_):
        read.extend(map(len, trees))

    assert shares_prefixes(model, [group], pad_token_id=PAD)
    monkeypatch.setattr(shared_prefix, "shares_prefixes", lambda *_, **__: True)
    monkeypatch.setattr(shared_prefix, "tree_scores", spy)
    group_scorer(model, [group], pad_token_id=PAD)([0])
    return read


def test_what_is_shared_is_read_once(monkeypatch):
    group = [[*range(1, 13), reply, 9] for reply in (20, 21, 22)]  # 12 tokens of 14 in common
    assert n_nodes_read(make("NeoX"), group, monkeypatch) == [12 + 3 * 2]


def test_long_texts_with_little_in_common_are_read_apart(monkeypatch):
    # At width 16 a tree of 58 nodes costs 58 (192 + 174), two texts of 30 only 60 (192 + 90).
    group = [[1, 2, *[reply] * 28] for reply in (20, 21)]
    assert n_nodes_read(make("NeoX"), group, monkeypatch) == [30, 30]


def without_sharing(model):
    """Scores of the scorer for a model that must not share, checked against its own."""
    assert not shares_prefixes(model, GROUPS, pad_token_id=PAD)
    scores = group_scorer(model, GROUPS, pad_token_id=PAD)([1, 0])
    own = plain_scores(model, [GROUPS[1], GROUPS[0]], pad_token_id=PAD)
    torch.testing.assert_close(scores, own)


def test_a_model_that_sees_both_ways_reads_each_text_by_itself():
    without_sharing(BertForSequenceClassification(BertConfig(**COMMON)).eval())


def test_a_model_with_a_window_reads_each_text_by_itself():
    # The window is wider than these texts, so nothing but the settings can tell.
    config = MistralConfig(**COMMON, num_key_value_heads=2, sliding_window=20)
    without_sharing(MistralForSequenceClassification(config).eval())


def test_a_model_that_gives_other_scores_in_a_tree_is_found_out(monkeypatch):
    model = make("Llama")

    def everything_before(end, dtype):  # as if the model kept its own causal mask
        return torch.full((*end.shape, end.shape[1]), torch.finfo(dtype).min).triu(1)[:, None]

    monkeypatch.setattr(shared_prefix, "_attention", everything_before)
    without_sharing(model)
