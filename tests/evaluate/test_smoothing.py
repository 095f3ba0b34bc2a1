"""The debiased moving average: by hand, across gaps, and against its recurrence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxylab.evaluate import exponential_moving_average

NAN = np.nan


def test_by_hand():
    # alpha = 1/2: m = 2, then 1 + 3 = 4, then 2 + 0 = 2; divided by 1/2, 3/4 and 7/8.
    found = exponential_moving_average([4.0, 6.0, 0.0], alpha=0.5)
    np.testing.assert_allclose(found, [4.0, 16 / 3, 16 / 7])


def test_a_halflife_of_one_step_is_an_alpha_of_a_half():
    values = [4.0, 6.0, 0.0]
    by_halflife = exponential_moving_average(values, halflife=1)
    np.testing.assert_allclose(by_halflife, exponential_moving_average(values, alpha=0.5))


def test_after_a_halflife_a_value_weighs_half():
    # An impulse at the start: its weight is 2^(-k / 10) of the newest value's, which is alpha.
    alpha = 1 - 2 ** (-1 / 10)
    found = exponential_moving_average([1.0] + [0.0] * 10, halflife=10)[-1]
    assert found * (1 - 2 ** (-11 / 10)) == pytest.approx(alpha / 2)


def test_a_gap_is_kept_and_skipped():
    found = exponential_moving_average([NAN, 4.0, NAN, NAN, 6.0, 0.0], alpha=0.5)
    np.testing.assert_allclose(found, [NAN, 4.0, NAN, NAN, 16 / 3, 16 / 7])


@given(st.lists(st.floats(-10, 10) | st.just(NAN), min_size=1, max_size=20), st.floats(0.05, 1))
def test_is_the_documented_recurrence(values, alpha):
    m, t, expected = 0.0, 0, []
    for value in values:
        if np.isnan(value):
            expected.append(NAN)
            continue
        m, t = (1 - alpha) * m + alpha * value, t + 1
        expected.append(m / (1 - (1 - alpha) ** t))
    found = exponential_moving_average(values, alpha=alpha)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_constant_is_itself_from_the_first_step():
    np.testing.assert_allclose(exponential_moving_average([3.0] * 5, halflife=50), 3.0)


@pytest.mark.parametrize("options", [{}, {"alpha": 0.5, "halflife": 2}])
def test_one_of_the_two_is_given(options):
    with pytest.raises(ValueError, match="either halflife"):
        exponential_moving_average([1.0], **options)


@pytest.mark.parametrize("options", [{"alpha": 0.0}, {"alpha": 1.1}, {"halflife": 0.0}])
def test_settings_out_of_range(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must"):
        exponential_moving_average([1.0], **options)


def test_one_axis():
    with pytest.raises(ValueError, match=r"\(n_steps,\), got shape \(1, 2\)"):
        exponential_moving_average([[1.0, 2.0]], alpha=0.5)
