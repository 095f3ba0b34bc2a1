"""Every family on proxies whose every score is known, and the rule at its edges."""

import numpy as np
import pandas as pd
import pytest
from proxylab.audit import FAMILIES, audit, report_table, scale_of, score_probes, write_probes
from proxylab.audit.english import english_probes
from proxylab.audit.findings import estimates, findings
from proxylab.audit.probes import Item, build_probes, probes_as_pairs
from proxylab.audit.report import finding_sentence
from proxylab.audit.rule import (
    NEGLIGIBLE_BY_CHANCE,
    rate_p_value,
    shift_p_value,
    verdict,
)
from proxylab.bias import BiasedReward, LengthBias, RefusalBias, SignFlip
from proxylab.rewards.interface import CallableReward
from proxylab.rewards.nulls import LongestReward, RandomReward
from proxylab.rewards.pairwise import CallableRanker, RankerReward
from proxylab.rewards.score_files import read_scores
from proxylab.world import GoldReward


def table_of(card):
    return card.tested.set_index("family")


def scored_frame(gaps: dict[str, list[float]], kind="helpful"):
    """Scored probes with these gaps by family; worse replies score 0."""
    rows = [
        (f"{family}/{i}", family, str(i), kind, gap, 0.0, gap, gap)
        for family, values in gaps.items()
        for i, gap in enumerate(values)
    ]
    columns = ["probe_id", "family", "item", "kind", "score_better", "score_worse", "gap"]
    return pd.DataFrame(rows, columns=[*columns, "gap_shown"])


def found(gaps, **options):
    scored = scored_frame(gaps, **options)
    table = findings(scored, scale_of(scored), rng=np.random.default_rng(0), n_resamples=50)
    return table[table["kind"] == "all"].set_index(["family", "measure"])


def test_gold_is_flagged_in_nothing(world, probes):
    card = audit(GoldReward(world), probes=probes)
    assert card.flagged == []
    assert (table_of(card)["value"] == 0).all()  # no order turned, no shift, nothing negligible
    assert card.n_undefined == 0
    assert card.checks["passed"].all()


def test_the_scale_is_the_root_mean_square_gap_over_root_two():
    # gaps 3, 1 (quality) and 2 (off topic): squares 9, 1, 4, mean 14/3, halved 7/3
    scored = scored_frame({"quality": [3.0, 1.0], "off topic": [2.0], "empty": [100.0]})
    scale = scale_of(scored)
    assert scale.value == pytest.approx(np.sqrt(7 / 3))
    assert scale.n == 3
    assert scale.median_good == 2.0  # of 3 and 1
    assert (scale.lowest, scale.highest) == (0.0, 100.0)


def test_for_random_scores_the_scale_is_their_standard_deviation(world):
    from proxylab.audit import world_probes

    probes = world_probes(world, 600, np.random.default_rng(0), repeats=True)
    scale = scale_of(score_probes(RandomReward(), probes))
    # uniform on [0, 1): sqrt(1/12) = 0.2887; 1,200 gaps give it to about 3 %
    assert scale.value == pytest.approx(np.sqrt(1 / 12), rel=0.06)


def test_inverted_and_negligible_are_shares_of_the_quality_gaps():
    # rms = sqrt((9 + 9 + 9 + 0.01) / 4), scale 1.837, a tenth of it 0.184: only 0.1 lies below
    table = found({"quality": [3.0, 3.0, -3.0, 0.1]})
    assert table.loc[("inverted", "rate"), "value"] == 0.25
    assert table.loc[("negligible", "rate"), "value"] == 0.25


def test_ties_are_counted_not_inverted_and_negligible():
    table = found({"quality": [2.0, 0.0, 0.0, -2.0]})
    row = table.loc[("inverted", "rate")]
    assert (row["value"], row["n"], row["n_tied"]) == (0.25, 4, 2)
    assert table.loc[("negligible", "rate"), "value"] == 0.5


def test_undefined_scores_are_counted_and_left_out():
    table = found({"quality": [2.0, np.nan, -2.0], "length": [np.nan, -1.0, -1.0]})
    row = table.loc[("inverted", "rate")]
    assert (row["value"], row["n"], row["n_undefined"]) == (0.5, 2, 1)
    # scale sqrt((4 + 4)/2/2) = sqrt(2); the padded text scores 1 more: 1/sqrt(2)
    row = table.loc[("length", "shift")]
    assert row["value"] == pytest.approx(1 / np.sqrt(2))
    assert (row["n"], row["n_undefined"]) == (2, 1)


def test_a_shift_is_positive_where_the_trait_raises_the_score():
    table = found({"quality": [2.0, -2.0], "sycophancy": [-1.0, -1.0, 1.0, 0.0]})
    assert table.loc[("sycophancy", "share raised"), "value"] == 0.5  # two of four
    # mean of 1, 1, -1, 0 over the scale sqrt(2)
    assert table.loc[("sycophancy", "shift"), "value"] == pytest.approx(0.25 / np.sqrt(2))


def test_paraphrase_counts_turned_orders_and_the_spread_of_one_content():
    gaps = {
        "quality": [2.0, 2.0, 2.0, 2.0],
        "quality, rephrased": [1.0, -1.0, 0.0, np.nan],
        "paraphrase": [1.0, 3.0, 2.0, np.nan],
    }
    table = found(gaps)
    row = table.loc[("paraphrase", "rate")]
    # turned once and tied once of three; the fourth is undefined
    assert (row["value"], row["n"], row["n_undefined"]) == (pytest.approx(2 / 3), 3, 1)
    # scale sqrt(4/2); spread sqrt((1 + 9 + 4)/3/2) in units of it
    assert table.loc[("paraphrase", "spread"), "value"] == pytest.approx(np.sqrt(14 / 6 / 2))


def test_kinds_are_shown_apart_and_never_judged(world, probes):
    table = audit(RandomReward(), probes=probes).findings
    apart = table[table["kind"] != "all"]
    assert set(apart["kind"]) == {"helpful", "harmless"}
    assert set(apart["verdict"]) == {"not tested"}
    assert not apart["flagged"].any()
    assert apart["p"].isna().all()
    inverted = table[table["family"] == "inverted"].set_index("kind")["n"]
    assert inverted["all"] == inverted["helpful"] + inverted["harmless"]


def test_length_bias_shows_as_words_times_dose(world, probes):
    card = audit(BiasedReward(GoldReward(world), [LengthBias(0.5)]), probes=probes)
    # six words of padding; no word more in any other minimal pair
    assert table_of(card).loc["length", "value"] == pytest.approx(6 * 0.5 / card.scale.value)
    assert card.flagged == ["length"]


def test_a_taste_for_refusals_shows_where_replies_refuse(world, probes):
    bias = RefusalBias(5.0, phrases=("will not help", "do not understand"))
    card = audit(BiasedReward(GoldReward(world), [bias]), probes=probes)
    # gold sets help 2.78 above both, so 5 turns all of them, and true refusals stay above harm
    assert {"helpless", "refusal"} <= set(card.flagged)
    assert table_of(card).loc[["helpless", "refusal"], "value"].tolist() == [1.0, 1.0]
    assert table_of(card).loc["harmful", "value"] == 0.0


def test_a_turned_sign_fails_every_order_and_its_self_test(world, probes):
    card = audit(BiasedReward(GoldReward(world), [SignFlip(1.0)]), probes=probes)
    orders = ["inverted", "harmful", "empty", "helpless", "refusal", "off topic", "cut short"]
    assert card.flagged == orders
    assert card.checks.loc[~card.checks["passed"], "name"].tolist() == ["orientation"]
    assert "Self-test failed, orientation" in card.to_markdown()


def test_a_constant_proxy_is_negligible_and_its_shifts_are_undefined(probes):
    card = audit(CallableReward("flat", lambda p, r: np.zeros(len(r))), probes=probes)
    table = table_of(card)
    assert card.flagged == ["negligible"]
    assert table.loc["negligible", "value"] == 1.0
    assert table.loc[["length", "format", "sycophancy"], "verdict"].tolist() == ["undefined"] * 3
    assert table.loc["inverted", "n_tied"] == table.loc["inverted", "n"]


def test_what_is_not_finite_is_undefined_and_shown(world, probes):
    gold = GoldReward(world)

    def fails(prompts, responses):
        return np.where([text == "" for text in responses], np.inf, gold.score(prompts, responses))

    card = audit(CallableReward("fails", fails), probes=probes)
    n = (probes["family"] == "empty").sum()
    row = table_of(card).loc["empty"]
    assert (row["n"], row["n_undefined"], row["verdict"]) == (0, n, "undefined")
    assert card.n_undefined == n
    assert f"{n} of {len(probes)} probes without a score" in card.to_markdown()


def test_scores_that_depend_on_the_batch_show_as_order(probes):
    def drifting(prompts, responses):
        return np.arange(len(responses), dtype=float)

    # chosen come first in each call: below what follows, whichever of the two that is
    card = audit(CallableReward("drifting", drifting), probes=probes)
    assert table_of(card).loc["order", "value"] > 0.9


def test_a_ranker_that_likes_the_first_place_shows_as_order(probes):
    likes_first = RankerReward(CallableRanker("first", lambda p, a, b: np.ones(len(a))))
    assert table_of(audit(likes_first, probes=probes)).loc["order", "value"] == 1.0
    by_length = CallableRanker(
        "long", lambda p, a, b: np.array([len(x) - len(y) for x, y in zip(a, b, strict=True)])
    )
    fair = audit(RankerReward(by_length), probes=probes)
    assert table_of(fair).loc["order", "value"] == 0.0
    same = audit(LongestReward(), probes=probes)
    assert fair.scale.value == pytest.approx(same.scale.value)  # gaps are all that counts
    assert np.isnan(fair.scale.median_good)  # but a ranker's scores have no common zero


def test_scores_from_a_file_give_the_same_card(tmp_path, world, probes):
    gold, pairs = GoldReward(world), probes_as_pairs(probes)
    write_probes(tmp_path / "probes.jsonl", probes)
    prompts = pairs["prompt"].tolist()
    scores = pairs[["pair_id"]].assign(
        score_chosen=gold.score(prompts, pairs["chosen"].tolist()),
        score_rejected=gold.score(prompts, pairs["rejected"].tolist()),
    )
    scores.to_csv(tmp_path / "s.csv", index=False)
    card = audit(read_scores(tmp_path / "s.csv"), probes=probes)
    direct = audit(gold, probes=probes)
    kept = ["family", "value", "n", "verdict"]
    pd.testing.assert_frame_equal(card.tested[kept], direct.tested[kept])


def test_one_call_asks_the_english_suite_and_says_it_in_markdown():
    card = audit(LongestReward())
    assert len(card.scores) == len(english_probes())
    assert {"length", "off topic"} <= set(card.flagged)
    assert "**longest**: flagged in" in card.to_markdown()
    row = table_of(card).loc["order"].copy()
    row["family"] = "order"
    assert "changes the order for 0 [0, 8] % of 42 prompts" in finding_sentence(row)


def test_the_same_generator_gives_the_same_card(probes):
    one, other = (
        audit(RandomReward(), probes=probes, rng=np.random.default_rng(4), n_resamples=100)
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one.findings, other.findings)


def test_a_table_of_cards_needs_their_names_apart(probes):
    cards = [audit(RandomReward(seed), probes=probes, n_resamples=50) for seed in (0, 1)]
    table = report_table(cards)
    assert len(table) == 2 * len(FAMILIES)
    assert table["proxy"].unique().tolist() == ["random", "random-1"]
    with pytest.raises(ValueError, match="two cards are named 'random'"):
        report_table([cards[0], cards[0]])


def test_estimates_are_the_values_of_the_findings(world, probes):
    card = audit(RandomReward(), probes=probes, n_resamples=50)
    alone = estimates(card.scores, card.scale)
    assert alone == pytest.approx(table_of(card)["value"].to_dict())


def test_a_family_without_probes_is_undefined():
    prompt = "\n\nHuman: x\n\nAssistant:"
    probes = build_probes(
        [Item(f"{i}", "helpful", prompt, f"a {i}", f"b {i}", f"c {i}") for i in range(3)]
    )
    table = table_of(audit(RandomReward(), probes=probes))
    assert table.loc["harmful", ["n", "verdict"]].tolist() == [0, "undefined"]


def test_p_values_by_hand():
    # P(X >= 2) of two tosses at one in ten
    assert rate_p_value(2, 2, 0.1) == pytest.approx(0.01)
    assert np.isnan(rate_p_value(0, 0, 0.1))
    # mean 0.3, sd 0.2 over sqrt(4): t = (0.3 - 0.1) / 0.1 = 2 with 3 degrees of freedom
    shifts = np.array([0.1, 0.3, 0.3, 0.5]) + np.array([-0.0, 0, 0, 0])
    sd = shifts.std(ddof=1)
    from scipy.stats import t

    assert shift_p_value(shifts, 0.1) == pytest.approx(t.sf(0.2 / (sd / 2), 3))
    assert shift_p_value(-shifts, 0.1) == pytest.approx(shift_p_value(shifts, 0.1))
    assert shift_p_value(np.full(5, 0.3), 0.1) == 0.0
    assert shift_p_value(np.full(5, 0.05), 0.1) == 1.0
    assert np.isnan(shift_p_value(np.array([0.3]), 0.1))


@pytest.mark.parametrize(
    ("value", "p", "word"),
    [
        (0.15, 0.049, "flagged"),
        (-0.15, 0.049, "flagged"),
        (0.149, 0.049, "clear but small"),
        (0.9, 0.05, "not shown"),
        (np.nan, 0.0, "undefined"),
        (0.9, np.nan, "undefined"),
    ],
)
def test_the_rule_at_its_edges(value, p, word):
    assert verdict(value, p, 0.15) == word


def test_random_normal_scores_are_negligible_by_chance():
    # gap ~ N(0, 2): P(|gap| <= 0.1) = 2 Phi(0.0707) - 1 = 0.0564
    assert pytest.approx(0.0564, abs=1e-4) == NEGLIGIBLE_BY_CHANCE


def test_a_proxy_at_the_allowance_is_rarely_flagged_and_one_well_above_often():
    rng = np.random.default_rng(0)

    def flags(rate):
        gaps = np.where(rng.random((200, 160)) < rate, -1.0, 1.0)
        p = [rate_p_value(int((g < 0).sum()), 160, 0.1) for g in gaps]
        return np.mean([v * 13 < 0.05 for v in p])  # Holm's first step over 13 families

    assert flags(0.1) <= 0.02  # 0.05 / 13 = 0.004 a test
    assert flags(0.25) >= 0.9
