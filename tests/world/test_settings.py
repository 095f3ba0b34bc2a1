"""What a world's settings refuse, and what the message says."""

import pytest
from proxylab.world import NoiseRates, WorldSettings
from pydantic import ValidationError

EVEN = dict.fromkeys(("Same", "Opposite", "Toxic", "Vague", "Repetitive"), 0.2)


def test_noise_rates_that_do_not_sum_to_one():
    with pytest.raises(ValidationError, match=r"sum to 1\.100000, not to 1"):
        NoiseRates(**EVEN, Empty=0.1)
    assert NoiseRates(**EVEN, Empty=0.0).Vague == 0.2


def test_a_missing_or_unknown_category():
    with pytest.raises(ValidationError, match="Empty"):
        NoiseRates(**EVEN)
    with pytest.raises(ValidationError, match="Bad"):
        NoiseRates(**EVEN, Empty=0.0, Bad=0.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"grade_shares": (0.5, 0.4, 0.2)},  # sums to 1.1
        {"grade_shares": (1.5, -0.5, 0.0)},  # sums to 1, but is no set of shares
        {"claim_reliability": (1.2, 0.5, 0.25)},
        {"harm_reliability": (0.9, 0.7)},
        {"seed": -1},
        {"n_openers": 9},
        {"n_closers": 0},
        {"multi_turn_rate": 1.5},
        {"n_train_pairs": 3},
        # Same and Opposite must lie apart from Vague, and must be possible on any prompt:
        # drawing such pairs would otherwise never end
        {"clear_gap": 0.05},
        {"clear_gap": 20.0},
        {"n_topics": 3},
    ],
)
def test_settings_that_no_world_can_have(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        WorldSettings(**wrong)


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError):
        WorldSettings().seed = 2
