"""Pairwise rankers: both orders by hand, what a place is worth, groups, references, classifiers."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from proxylab.accuracy import accuracy, score_pairs
from proxylab.rewards.classifier_ranker import (
    RANKER_CARD,
    ClassifierRanker,
    RankerCard,
    laid_out,
    read_ranker_card,
    write_ranker_card,
)
from proxylab.rewards.pairwise import (
    CallableRanker,
    PairwiseRanker,
    RankerReward,
    flips,
    position_bias,
)
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPTNeoXConfig,
    GPTNeoXForSequenceClassification,
)

TEMPLATE = "{prompt} <user> {first} <assistant> {second}"


def by_length(place=0.0):
    """Log-odds: the difference in length, and `place` for standing first."""

    def prefer(prompts, first, second):
        return np.array([len(a) - len(b) for a, b in zip(first, second, strict=True)]) + place

    return CallableRanker("by length", prefer)


def frame(*pairs):
    rows = [
        {"pair_id": str(i), "prompt": "p", "chosen": c, "rejected": r}
        for i, (c, r) in enumerate(pairs)
    ]
    return pd.DataFrame(rows)


PAIRS = frame(("aaaa", "a"), ("aa", "aaa"), ("aa", "aa"), ("aaaaa", "aaa"))  # margins 3 -1 0 2


def test_scores_of_a_pair_are_half_the_margin_whatever_the_place_is_worth():
    for place in (0.0, 1.5, -7.0):
        found = RankerReward(by_length(place)).score_pairs(PAIRS)
        assert found.score_chosen.tolist() == [1.5, -0.5, 0, 1]
        assert found.score_rejected.tolist() == [-1.5, 0.5, 0, -1]


def test_accuracy_reads_a_ranker_as_any_proxy():
    found = accuracy(score_pairs(RankerReward(by_length(9.0)), PAIRS))
    assert (found.interval.estimate, found.interval.n, found.n_tied) == (0.5, 4, 1)


def test_orientation_turns_margins_and_the_liking_for_a_place():
    turned = RankerReward(by_length(1.5), orientation=-1)
    assert turned.score_pairs(PAIRS).score_chosen.tolist() == [-1.5, 0.5, 0, -1]
    bias = position_bias(turned, PAIRS, rng=np.random.default_rng(0))
    assert bias.log_odds.estimate == -1.5
    with pytest.raises(ValueError, match="1 or -1, got 0"):
        RankerReward(by_length(), orientation=0)


def test_position_bias_by_hand():
    # Placed first and second the chosen response has 3+1.5 and 3-1.5, -1+1.5 and -1-1.5, 1.5 and
    # -1.5, 2+1.5 and 2-1.5: the second and third verdict change with the order.
    bias = position_bias(RankerReward(by_length(1.5)), PAIRS, rng=np.random.default_rng(0))
    log_odds = bias.log_odds
    assert (log_odds.estimate, log_odds.low, log_odds.high, log_odds.n) == (1.5, 1.5, 1.5, 4)
    assert (bias.flipped.estimate, bias.flipped.n) == (0.5, 4)
    assert bias.flipped.low == pytest.approx(0.150, abs=1e-3)  # Wilson, 2 of 4
    assert (bias.n_tied, bias.n_undefined) == (0, 0)


def test_ties_and_missing_verdicts_are_counted_apart():
    def prefer(prompts, first, second):  # no verdict on "?", otherwise length decides
        odds = [len(a) - len(b) for a, b in zip(first, second, strict=True)]
        return np.where(["?" in a for a in first], np.nan, odds)

    pairs = pd.concat([PAIRS, frame(("?", "aa"))], ignore_index=True)
    reward = RankerReward(CallableRanker("judge", prefer))
    bias = position_bias(reward, pairs, rng=np.random.default_rng(0))
    assert (bias.n_tied, bias.n_undefined, bias.flipped.n, bias.log_odds.n) == (1, 1, 3, 4)
    assert np.isnan(reward.score_pairs(pairs).score_chosen.iloc[4])


def test_flips_by_hand():
    found = flips(np.array([1.0, 1, 0, np.nan, -2]), np.array([2.0, -1, 3, 1, -1]))
    np.testing.assert_array_equal(found, [0, 1, np.nan, np.nan, 0])


def test_groups_by_hand():
    # Lengths 1, 3, 2: margins over the others -2 and -1, 2 and 1, 1 and -1, each a mean of two.
    # In the second row 2 against 5, the padding left out; in the third nothing to compare with.
    replies = np.array([["a", "aaa", "aa"], ["aa", None, "aaaaa"], ["a", None, None]], object)
    found = RankerReward(by_length(4.0)).score_groups(["p", "q", "r"], replies)
    expected = [[-1.5, 1.5, 0], [-3, np.nan, 3], [np.nan] * 3]
    np.testing.assert_allclose(found, expected)


@given(st.lists(st.lists(st.integers(0, 20), min_size=3, max_size=3), max_size=5))
def test_a_groups_scores_sum_to_zero_and_order_as_a_transitive_ranker_does(lengths):
    replies = np.array([["a" * n for n in row] for row in lengths], object).reshape(-1, 3)
    found = RankerReward(by_length(0.7)).score_groups(["p"] * len(lengths), replies)
    assert found.sum(1) == pytest.approx(0, abs=1e-9)
    expected = np.array(lengths, float).reshape(-1, 3)
    # The mean difference to the two others is 3/2 of the distance from the row's mean.
    np.testing.assert_allclose(found, 1.5 * (expected - expected.mean(1, keepdims=True)), atol=1e-9)


def test_each_group_comparison_is_asked_once_in_each_order():
    asked = []

    def prefer(prompts, first, second):
        asked.extend(zip(prompts, first, second, strict=True))
        return np.zeros(len(prompts))

    RankerReward(CallableRanker("spy", prefer)).score_groups(
        ["p"], np.array([["a", "b", "c"]], object)
    )
    expected = [("p", x, y) for x in "abc" for y in "abc" if x != y]
    assert sorted(asked) == expected  # 3 * 2


def test_groups_need_a_row_a_prompt():
    with pytest.raises(ValueError, match=r"responses must be \(2, n_samples\)"):
        RankerReward(by_length()).score_groups(["p", "q"], np.array([["a"]], object))


def test_scores_against_references_by_hand():
    reward = RankerReward(by_length(2.0), references={"p": ["a", "aaa"], "q": ["aaaa"]})
    # 2 against 1 and 3: mean 0; 5: mean (4 + 2) / 2; 1 against 4: -3.
    assert reward.score(["p", "p", "q"], ["aa", "aaaaa", "a"]).tolist() == [0, 3, -3]
    with pytest.raises(ValueError, match="no reference reply to the prompt 'r'"):
        reward.score(["r"], ["a"])


def test_without_references_nothing_is_scored_alone():
    with pytest.raises(ValueError, match="use score_pairs or score_groups"):
        RankerReward(by_length()).score(["p"], ["a"])


def test_a_callable_must_return_one_number_a_comparison():
    ranker = CallableRanker("mine", lambda p, a, b: np.zeros((len(p), 2)), fingerprint="v1")
    assert isinstance(ranker, PairwiseRanker)
    assert ranker.fingerprint == "v1"
    with pytest.raises(ValueError, match=r"mine returned scores of shape \(1, 2\)"):
        ranker.prefer(["p"], ["a"], ["b"])
    with pytest.raises(ValueError, match="1 prompts but 2 responses"):
        ranker.prefer(["p"], ["a"], ["b", "c"])


def neox(tokenizer, n_labels):
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        num_labels=n_labels,
        pad_token_id=tokenizer.pad_token_id,
    )
    return GPTNeoXForSequenceClassification(config)


def bert(tokenizer, n_labels):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        num_labels=n_labels,
        pad_token_id=tokenizer.pad_token_id,
    )
    return BertForSequenceClassification(config)


@pytest.mark.parametrize("make", [neox, bert])
@pytest.mark.parametrize("n_labels", [1, 2])
def test_a_classifiers_log_odds_are_its_logit_or_the_difference_of_two(
    make, n_labels, tokenizer, held_out
):
    model = make(tokenizer, n_labels)
    ranker = ClassifierRanker(model, tokenizer, name="r", template=TEMPLATE, device="cpu")
    part = held_out.head(5)
    found = ranker.prefer(part.prompt.tolist(), part.chosen.tolist(), part.rejected.tolist())
    for i, row in enumerate(part.itertuples()):
        text = f"{row.prompt} <user> {row.chosen} <assistant> {row.rejected}"
        with torch.inference_mode():
            logits = model(torch.tensor([tokenizer(text)["input_ids"]])).logits[0].tolist()
        expected = logits[0] if n_labels == 1 else logits[0] - logits[1]
        assert found[i] == pytest.approx(expected, abs=1e-6)


def test_three_labels_are_no_ranker(tokenizer):
    with pytest.raises(ValueError, match="r has 3 labels"):
        ClassifierRanker(neox(tokenizer, 3), tokenizer, name="r", template=TEMPLATE)


def test_a_template_must_have_all_fields(tokenizer):
    with pytest.raises(ValueError, match=r"lacks \{prompt\}, \{second\}"):
        ClassifierRanker(neox(tokenizer, 1), tokenizer, name="r", template="{first}")


def test_braces_in_a_text_are_left_alone():
    found = laid_out('{"q": "{prompt}"} {first}|{second}', "{first}", "{second} {x}", "b")
    assert found == '{"q": "{first}"} {second} {x}|b'


def test_what_stands_first_gives_way_and_is_counted(tokenizer):
    ranker = ClassifierRanker(
        neox(tokenizer, 1), tokenizer, name="r", template=TEMPLATE, max_length=4
    )
    [ids] = ranker.encode(["w1 w2 w3"], ["good"], ["bad"])
    assert tokenizer.convert_ids_to_tokens(ids) == ["<user>", "good", "<assistant>", "bad"]
    assert ranker.n_truncated == 1


def test_a_ranker_is_loaded_with_a_card_or_a_stated_template(tokenizer, tmp_path, held_out):
    neox(tokenizer, 2).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="nothing says what this ranker reads"):
        ClassifierRanker.load(tmp_path)
    stated = ClassifierRanker.load(tmp_path, template=TEMPLATE, append_eos=True, device="cpu")
    write_ranker_card(tmp_path, RankerCard(template=TEMPLATE, append_eos=True))
    carded = ClassifierRanker.load(tmp_path, device="cpu")
    part = held_out.prompt.tolist(), held_out.chosen.tolist(), held_out.rejected.tolist()
    np.testing.assert_array_equal(stated.prefer(*part), carded.prefer(*part))
    assert stated.fingerprint == carded.fingerprint
    other = ClassifierRanker.load(tmp_path, template=TEMPLATE + ".", device="cpu")
    assert other.fingerprint != carded.fingerprint
    assert carded.encode(["w1"], ["w2"], ["w3"])[0][-1] == tokenizer.eos_token_id


def test_a_damaged_ranker_card_is_named(tmp_path):
    (tmp_path / RANKER_CARD).write_text('{"template": "x", "labels": 2}')
    with pytest.raises(ValueError, match=rf"{RANKER_CARD}: labels: Extra inputs"):
        read_ranker_card(tmp_path)


def short_pairs():
    """Texts of five tokens, so that a tiny model sees at once which reply is the good one."""
    return pd.DataFrame({"pair_id": str(i), "prompt": f"w{i}", **REPLIES} for i in range(16))


REPLIES = {"chosen": "good", "rejected": "bad"}


@pytest.mark.parametrize("make", [neox, bert])
def test_a_ranker_that_learns_puts_the_better_reply_first_in_both_orders(make, tokenizer):
    pairs = short_pairs()
    model = make(tokenizer, 2)
    ranker = ClassifierRanker(model, tokenizer, name="r", template=TEMPLATE, device="cpu")
    train(ranker, pairs.head(8))
    reward = RankerReward(ranker)
    assert (reward.score_pairs(pairs.tail(8)).score_chosen > 0).all()
    bias = position_bias(reward, pairs.tail(8), rng=np.random.default_rng(0))
    assert bias.flipped.estimate == 0


def train(ranker, pairs):
    prompts, chosen, rejected = (pairs[c].tolist() for c in ("prompt", "chosen", "rejected"))
    ids = ranker.encode([*prompts, *prompts], [*chosen, *rejected], [*rejected, *chosen])
    tokens, sign = torch.tensor(ids), torch.tensor([1.0, -1.0]).repeat_interleave(len(pairs))
    optimiser = torch.optim.AdamW(ranker.model.parameters(), lr=1e-2)
    for _ in range(60):
        logits = ranker.model(tokens).logits
        torch.nn.functional.softplus(-sign * (logits[:, 0] - logits[:, 1])).mean().backward()
        optimiser.step()
        optimiser.zero_grad()
