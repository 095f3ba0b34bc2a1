"""Biases by name, and a bias of one's own."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from proxylab import bias
from proxylab.bias import (
    BIASES,
    CoverageGap,
    DataBias,
    RefusalBias,
    ScoreBias,
    UniformFlips,
    bias_named,
    make_bias,
    named_dose,
    register_bias,
)
from proxylab.bias import registry as module

KINDS = (DataBias, ScoreBias)


@pytest.fixture
def registry():
    """The registry, put back as it was."""
    before = dict(BIASES)
    yield BIASES
    BIASES.clear()
    BIASES.update(before)


def test_the_registry_holds_every_bias_by_its_name():
    kinds = {kind: {n for n, b in BIASES.items() if issubclass(b, kind)} for kind in KINDS}
    assert kinds[DataBias] >= {
        "coverage_gap",
        "uniform_flips",
        "ambiguity_flips",
        "sycophancy_prefix",
        "format_marks",
    }
    assert kinds[ScoreBias] >= {
        "length_bias",
        "refusal_bias",
        "score_noise",
        "saturation",
        "sign_flip",
    }
    assert all(name == bias.name and bias.unit for name, bias in BIASES.items())


def test_made_by_name():
    assert make_bias("uniform_flips", 0.25) == UniformFlips(0.25)
    # lists, as YAML and notebooks give them, become the tuples of a frozen dataclass
    assert make_bias("coverage_gap", 1.0, topics=["a", "b"]) == CoverageGap(("a", "b"), 1.0)
    assert make_bias("refusal_bias", -1.0, phrases=["no"]) == RefusalBias(-1.0, ("no",))


def test_unknown_names_and_options_get_the_nearest_known_one():
    with pytest.raises(ValueError, match=r"no bias 'lenght_bias'; is 'length_bias' meant\?"):
        make_bias("lenght_bias", 1.0)
    with pytest.raises(ValueError, match=r"'coverage_gap': no option 'topic'; is 'topics' meant\?"):
        make_bias("coverage_gap", 1.0, topic=["a"])
    with pytest.raises(ValueError, match="'uniform_flips': no option 'seed'; there are: none"):
        make_bias("uniform_flips", 1.0, seed=1)
    with pytest.raises(ValueError, match="'ambiguity_flips' needs the option 'scale'"):
        make_bias("ambiguity_flips", 1.0)


def cheerfulness() -> type[ScoreBias]:
    """The class of the package's docstring, defined anew at each call."""

    @dataclass(frozen=True)
    class Cheerfulness(ScoreBias):
        name: ClassVar[str] = "cheerfulness"
        unit: ClassVar[str] = "reward units an exclamation mark"
        dose: float

        def biased(self, rewards, prompts, responses):
            return rewards + self.dose * np.array([text.count("!") for text in responses])

    return Cheerfulness


def test_a_bias_of_ones_own_is_made_like_the_others(registry):
    assert register_bias(cheerfulness()).name == "cheerfulness"
    bias = make_bias("cheerfulness", 0.5)
    assert bias.apply([0.0, 0.0], ["hi!!", "hi"]).tolist() == [1, 0]
    again = register_bias(cheerfulness())  # as when a notebook's cell runs again
    assert registry["cheerfulness"] is again


def test_a_bias_that_forgets_its_dose_still_does_nothing_at_dose_0(make_pairs):
    @dataclass(frozen=True)
    class Erase(DataBias):
        name: ClassVar[str] = "erase"
        unit: ClassVar[str] = "none"
        dose: float

        def biased(self, pairs, draws):
            return pairs.head(0)

    pairs, rng = make_pairs(4), np.random.default_rng(0)
    pd.testing.assert_frame_equal(Erase(0.0)(pairs, rng), pairs)
    assert len(Erase(0.1)(pairs, rng)) == 0


def test_a_name_belongs_to_one_class(registry):
    own = cheerfulness()
    own.name = "length_bias"
    with pytest.raises(ValueError, match="'length_bias' of Cheerfulness is LengthBias's already"):
        register_bias(own)


def test_what_is_no_bias_is_refused(registry):
    class NotFrozen(UniformFlips):
        pass

    @dataclass
    class Loose:
        dose: float

    @dataclass(frozen=True)
    class Nameless(ScoreBias):
        dose: float

        def biased(self, rewards, prompts, responses):
            return rewards

    with pytest.raises(ValueError, match="Loose must be a frozen dataclass of DataBias"):
        register_bias(Loose)
    with pytest.raises(ValueError, match=r"Nameless needs a ClassVar\[str\] `name`"):
        register_bias(Nameless)
    with pytest.raises(ValueError, match="'uniform_flips' of NotFrozen is UniformFlips's already"):
        register_bias(NotFrozen)


def test_a_file_in_the_folder_is_found_by_its_biases_name(tmp_path, monkeypatch, registry):
    """A name that is not known makes the folder's files run, and then it is."""
    source = (
        "from dataclasses import dataclass\nfrom typing import ClassVar\n"
        "from proxylab.bias import ScoreBias, register_bias\n"
        "@register_bias\n@dataclass(frozen=True)\nclass Shout(ScoreBias):\n"
        "    name: ClassVar[str] = 'shout'\n    unit: ClassVar[str] = 'reward units'\n"
        "    dose: float\n"
        "    def biased(self, rewards, prompts, responses):\n        return rewards + self.dose\n"
    )
    (tmp_path / "shout.py").write_text(source)
    monkeypatch.setattr(module, "__file__", str(tmp_path / "registry.py"))
    monkeypatch.setattr(bias, "__path__", [str(tmp_path), *bias.__path__])
    assert bias_named("shout").unit == "reward units"
    assert make_bias("shout", 0.5).biased(np.zeros(1), ["p"], ["r"]).tolist() == [0.5]
    with pytest.raises(ValueError, match="no bias 'shuot'"):
        make_bias("shuot", 0.5)


def test_a_bias_and_its_dose_are_read_from_one_text():
    assert named_dose("length_bias=0.25") == ("length_bias", 0.25)
    for text, message in (
        ("lenght_bias=1", "no bias 'lenght_bias'.*length_bias"),
        ("length_bias", "not of the form"),
        ("length_bias=much", "not of the form"),
    ):
        with pytest.raises(ValueError, match=message):
            named_dose(text)
