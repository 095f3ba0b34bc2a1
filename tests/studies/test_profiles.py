"""Every profile loads; what is wrong in one is named by file and key; the batch is what it says."""

from pathlib import Path

import pytest
from proxylab.parameters import ParameterError, RunParameters, check_parameters, model_for
from proxylab.profiles import PlannedRun, Profile, ProfileError, load_profile
from proxylab.runs import Clean, MeasureAgreement, TrainRewardModel

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))


def test_there_are_the_two_profiles_that_the_commands_name():
    assert {"cpu", "smoke"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_loads_and_plans_runs_that_can_be_run(name):
    profile = load_profile(name, root=ROOT)
    assert profile.name == name
    without, with_data = (profile.planned_runs(with_data=flag) for flag in (False, True))
    assert without
    assert all(run in with_data for run in without)
    for notebook, parameters in with_data:
        model = model_for(notebook)
        assert model is not None, notebook
        assert check_parameters(model, parameters).profile == name
    as_text = [repr(run) for run in with_data]
    assert len(set(as_text)) == len(as_text)  # no run is planned twice


@pytest.fixture
def write(project):
    (project / "profiles").mkdir()

    def write(text: str) -> None:
        (project / "profiles" / "mine.yaml").write_text(text)

    return write


def fails(pattern: str) -> None:
    with pytest.raises(ProfileError, match=pattern):
        load_profile("mine")


GOOD = "name: mine\nseeds: [1, 2]\n"


def test_a_profile_of_defaults(write):
    write(GOOD)
    profile = load_profile("mine")
    assert profile.seeds == (1, 2)
    assert profile.planned_runs(with_data=True) == []
    assert profile.world_of(7).seed == 7
    assert profile.world.seed == 0


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ("sedes: [1]", "sedes", "seeds"),
        ("world:\n  n_train_pair: 100", r"world\.n_train_pair", "n_train_pairs"),
        ("world_backbone:\n  size: {hiden_size: 8}", r"world_backbone\.size\.hiden_size",
         "hidden_size"),
        ("text_reward_model:\n  training: {epoch: 1}", r"text_reward_model\.training\.epoch",
         "epochs"),
        ("alignment:\n  ppo: {lora: {rnk: 8}}", r"alignment\.ppo\.lora\.rnk", "rank"),
        ("batch:\n  - notebook: clean\n    paramters: {}", r"batch\.0\.paramters", "parameters"),
    ],
)  # fmt: skip
def test_a_wrong_key_names_file_path_and_nearest(write, text, key, nearest):
    write(f"{GOOD}{text}\n")
    fails(rf"^profiles/mine\.yaml: unknown key `{key}` \(did you mean `{nearest}`\?\)$")


def test_a_key_of_no_section_is_named_in_its_noise_rates(write):
    write(f"{GOOD}world:\n  train_noise: {{Same: 1.0, Opposite: 0, Toxic: 0, Vage: 0}}\n")
    fails(r"unknown key `world\.train_noise\.Vage` \(did you mean `Vague`\?\)")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n_resamples: many", r"`n_resamples`: .* integer.* \(got 'many'\)"),
        ("n_resamples: 5", r"`n_resamples`: .*100 \(got 5\)"),
        ("policy: {temperature: 0}", r"`policy\.temperature`: .* \(got 0\)"),
        ("text_backbone: {base: org/model}",
         r"`text_backbone`: base org/model needs size: \{max_length: \.\.\.\}.*64"),
        ("text_gold: {backbone: {base: org/model, size: {n_layers: 3}}}",
         r"`text_gold\.backbone`: base org/model needs size"),
        ("world: 3", r"`world`: .* \(got 3\)"),
        ("world: {grade_shares: [0.5, 0.5, 0.5]}", r"`world`: grade_shares must sum to 1"),
        ("batch:\n  - parameters: {}", r"`batch\.0\.notebook`: Field required"),
        ("batch:\n  - {notebook: clean, needs: net}", r"`batch\.0\.needs`: .* \(got 'net'\)"),
        ("batch:\n  - {notebook: clean, parameters: {rule: majority}}",
         r"`batch\.0\.parameters\.rule`: .*tuple.* \(got 'majority'\)"),
    ],
)  # fmt: skip
def test_a_wrong_value_names_file_and_path(write, text, message):
    write(f"{GOOD}{text}\n")
    fails(rf"^profiles/mine\.yaml: {message}")


def test_every_problem_is_named(write):
    write("name: mine\nseeds: []\nbatches: []\n")
    fails(r"`seeds`.*\n.*`batches` \(did you mean `batch`\?\)")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "profiles/mine.yaml is not YAML"),
        ("", "profiles/mine.yaml: `profile`"),
        ("name: other\nseeds: [1]", "profiles/mine.yaml: `name` is 'other', and must be .* 'mine'"),
    ],
)
def test_a_file_that_is_no_profile(write, text, message):
    write(text)
    fails(message)


def test_a_profile_that_is_not_there(write):
    write(GOOD)
    with pytest.raises(ProfileError, match=r"no profile 'mien' \(did you mean `mine`\?\)"):
        load_profile("mien")


def test_runs_are_crossed_in_order_with_seeds_where_none_are_given():
    profile = Profile(
        name="mine",
        seeds=(1, 2),
        batch=(
            PlannedRun(notebook="clean", parameters={"annotators": ("simulated", "committee")}),
            PlannedRun(notebook="measure_agreement", parameters={"seed": (0,)}, needs="data"),
        ),
    )
    runs = profile.planned_runs(with_data=False)
    assert runs == [
        ("clean", {"profile": "mine", "seed": seed, "annotators": annotators})
        for seed in (1, 2)
        for annotators in ("simulated", "committee")
    ]
    last = ("measure_agreement", {"profile": "mine", "seed": 0})
    assert profile.planned_runs(with_data=True) == [*runs, last]


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Profile(name="mine", seeds=(1,)).n_resamples = 3


def test_each_notebook_has_one_model_and_defaults_that_hold():
    models = RunParameters.__subclasses__()
    models = [model for model in models if model.__module__ == "proxylab.runs"]
    names = [model.notebook for model in models]
    assert len(names) >= 6
    assert "" not in names
    assert len(set(names)) == len(names)
    for model in models:
        assert model_for(model.notebook) is model
        model.model_validate(model().model_dump())  # defaults pass the checks too


@pytest.mark.parametrize(
    ("model", "wrong", "message"),
    [
        (Clean, {"rule": "majorty"}, r"`rule` .*'majority' or 'three_quarters'.*'majorty'"),
        (Clean, {"n_annotators": 0}, r"`n_annotators` .*got 0"),
        (Clean, {"n_annotator": 4}, r"unknown parameter `n_annotator` .*`n_annotators`"),
        (Clean, {"seed": "3"}, r"`seed` .*integer.*got '3'"),
        (TrainRewardModel, {"fraction": 0.0}, r"`fraction` .*greater than 0"),
        (TrainRewardModel, {"fraction": 1.1}, r"`fraction` .*less than or equal to 1"),
        (TrainRewardModel, {"train_on": "clean"}, r"`train_on` .*'raw' or 'cleaned'"),
        (MeasureAgreement, {"votes": "ukp"}, r"`votes` .*'pandalm' or 'ukpconvarg1'"),
    ],
)
def test_a_wrong_parameter_is_an_error_that_names_it(model, wrong, message):
    with pytest.raises(ParameterError, match=message):
        check_parameters(model, wrong)
