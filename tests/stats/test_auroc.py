import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.stats import auroc, auroc_over_seeds
from sklearn.metrics import roc_auc_score


def test_hand_computed_case():
    # Positives 3 and 1, negatives 2 and 1: 3 beats both, 1 loses to 2 and ties with 1: 2.5 of 4.
    assert auroc(np.array([3.0, 1.0, 2.0, 1.0]), np.array([1, 1, 0, 0])) == 2.5 / 4


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_agrees_with_sklearn_ties_included(units):
    score, positive = (np.array(column, float) for column in zip(*units, strict=True))
    found = auroc(score, positive)
    if 0 < positive.sum() < len(positive):
        assert found == pytest.approx(roc_auc_score(positive, score), abs=1e-12)
    else:
        assert np.isnan(found)


def test_weights_are_repeats():
    rng = np.random.default_rng(0)
    score, positive = rng.normal(size=12).round(1), rng.integers(0, 2, 12)
    rows = rng.integers(0, 12, 12)
    weights = np.bincount(rows, minlength=12)[None, :]
    assert auroc(score, positive, weights=weights)[0] == pytest.approx(
        auroc(score[rows], positive[rows])
    )


def test_undefined_units_are_left_out():
    score = np.array([1.0, np.nan, 0.0, 5.0])
    assert auroc(score, np.array([1.0, 1.0, 0.0, np.nan])) == 1.0


def test_a_monotone_map_changes_nothing_and_a_turned_score_gives_the_rest():
    rng = np.random.default_rng(1)
    score, positive = rng.normal(size=50), rng.integers(0, 2, 50)
    assert auroc(np.exp(score), positive) == auroc(score, positive)
    assert auroc(-score, positive) == pytest.approx(1 - auroc(score, positive))


def test_seeds_are_averaged_and_not_pooled():
    # Within each seed the score finds the positives; the seeds' scales are apart.
    scores = [np.array([0.0, 1.0]), np.array([10.0, 11.0])]
    positives = [np.array([0, 1]), np.array([0, 1])]
    found = auroc_over_seeds(scores, positives, rng=np.random.default_rng(0), n_resamples=200)
    assert found.estimate == 1.0
    assert found.n == 4
    assert auroc(np.concatenate(scores), np.concatenate(positives)) == 0.75


def test_the_interval_covers_the_true_area_about_as_often_as_it_says():
    # Positives N(1, 1) against N(0, 1): the area is Phi(1 / sqrt 2) = 0.7602. Ten seeds that do
    # not differ: the interval over seeds and units is then wide rather than narrow.
    rng, covered = np.random.default_rng(2), 0
    for _ in range(100):
        positives = [rng.integers(0, 2, 60) for _ in range(10)]
        scores = [rng.normal(size=60) + p for p in positives]
        found = auroc_over_seeds(scores, positives, rng=rng, n_resamples=200)
        covered += found.contains(0.7602)
    assert 90 <= covered <= 100


def test_the_width_is_that_of_seeds_and_units_drawn_anew():
    # Scores that say nothing: of one seed the area's variance is (n0 + n1 + 1) / (12 n0 n1). What
    # redraws of seeds add on their own to three alike ones is two thirds of it again.
    rng, widths, n = np.random.default_rng(3), [], 40
    positive = np.arange(n) % 2
    for _ in range(40):
        scores = [rng.normal(size=n) for _ in range(3)]
        found = auroc_over_seeds(scores, [positive] * 3, rng=rng, n_resamples=400)
        widths.append((found.high - found.low) / (2 * 1.96))
    one_seed = (n + 1) / (12 * (n / 2) ** 2)
    assert np.mean(widths) == pytest.approx(((1 + 2 / 3) * one_seed / 3) ** 0.5, rel=0.08)


def test_no_seed_with_both_classes_is_undefined():
    found = auroc_over_seeds(
        [np.array([1.0, 2.0])], [np.array([1, 1])], rng=np.random.default_rng(0)
    )
    assert np.isnan(found.estimate)
    assert found.n == 0


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"one shape \(n,\)"):
        auroc(np.zeros(3), np.zeros(2))
