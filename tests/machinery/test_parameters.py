import math
from typing import ClassVar, Literal

import nbformat
import pytest
from proxylab.parameters import (
    ParameterError,
    RunParameters,
    check_notebook_parameters,
    check_parameters,
    model_for,
    read_parameters,
)
from proxylab.runs import ShfCas


class Toy(RunParameters):
    notebook: ClassVar[str] = "toy-for-parameters"

    rate: float = 0.5
    algorithm: Literal["ppo", "dpo"] = "ppo"
    sizes: tuple[int, ...] = (8, 16)
    limit: int | None = None


CELL = 'profile = "cpu"\nseed = 0\nrate = 0.5\nalgorithm = "ppo"\nsizes = [8, 16]\nlimit = None'


def write_notebook(path, source, tags=("parameters",)):
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


def namespace(*cells):
    """What globals() of a kernel holds after these cells."""
    values = {"In": ["", *cells, "settings = ..."], "Out": {}, "get_ipython": print}
    for cell in cells:
        exec(cell, values)
    return values


def test_defaults_and_overrides():
    settings = read_parameters(Toy, {"seed": 3, "sizes": [4], "limit": 2})
    assert (settings.seed, settings.sizes, settings.limit) == (3, (4,), 2)
    assert settings.algorithm == "ppo"


def test_a_list_that_papermill_hands_over_as_text_is_a_list():
    cell = "# Parameters\nsizes = '[4, 2]'"  # papermill -p sizes '[4, 2]'
    assert read_parameters(Toy, namespace(CELL, cell)).sizes == (4, 2)
    with pytest.raises(ParameterError, match="sizes"):
        check_parameters(Toy, {"sizes": "[4, 2"})
    assert check_parameters(Toy, {"profile": "[x]"}).profile == "[x]"  # where text is asked for


def test_an_int_serves_for_a_float():
    assert check_parameters(Toy, {"rate": 1}).rate == 1.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", "three"),
        ("seed", "3"),
        ("seed", 2.5),
        ("seed", 2.0),
        ("seed", True),  # a bool is an int to Python, and a slip of the pen here
        ("rate", "fast"),
        ("rate", math.nan),
        ("algorithm", "pro"),
        ("sizes", [8, "16"]),
        ("sizes", 8),
        ("profile", 1),
    ],
)
def test_an_ill_typed_value_is_an_error_that_names_it(name, value):
    with pytest.raises(ParameterError, match=f"parameter `{name}` .*got "):
        read_parameters(Toy, {name: value})


def test_an_unknown_name_is_an_error_with_the_nearest_known_one():
    with pytest.raises(ParameterError, match=r"unknown parameter `sede` \(did you mean `seed`\?\)"):
        read_parameters(Toy, {"sede": 3})


def test_every_problem_is_told_at_once():
    with pytest.raises(ParameterError, match=r"`rate`.*`sede`|`sede`.*`rate`"):
        read_parameters(Toy, {"sede": 3, "rate": "x"})


def test_names_of_ipython_imports_and_private_names_do_not_count():
    values = {"In": [], "Out": {}, "_": 3, "_i1": "x", "nbformat": nbformat, "Toy": Toy}
    values |= {"PAPERMILL_OUTPUT_PATH": "out.ipynb", "seed": 1}
    assert read_parameters(Toy, values).seed == 1


def test_what_papermill_injects_is_read_and_checked():
    assert read_parameters(Toy, namespace(CELL, "# Parameters\nseed = 3\n")).seed == 3
    with pytest.raises(ParameterError, match="did you mean `seed`"):
        read_parameters(Toy, namespace(CELL, "# Parameters\nsede = 3\n"))


def test_a_slip_in_the_parameters_cell_itself_is_found_and_can_be_mended():
    with pytest.raises(ParameterError, match="`raet`"):
        read_parameters(Toy, namespace(CELL.replace("rate", "raet")))
    mended = namespace(CELL.replace("rate", "raet"), CELL)  # the cell edited, and run again
    assert read_parameters(Toy, mended).rate == 0.5


def test_later_variables_of_an_interactive_session_do_not_disturb():
    session = namespace(CELL, "threshold = 0.3", "import math\nn = 5", "k = [1]")
    assert read_parameters(Toy, session) == Toy()


def test_the_model_is_frozen_and_found_by_its_notebook():
    with pytest.raises(ValueError, match="frozen"):
        Toy().seed = 4
    assert model_for("toy-for-parameters") is Toy
    assert model_for("no-such-notebook") is None
    assert model_for("") is None


def test_a_notebook_that_declares_the_model_passes(tmp_path):
    check_notebook_parameters(write_notebook(tmp_path / "a.ipynb", CELL), Toy)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (CELL.replace("seed = 0", "seed = 1"), "`seed` is 1 here and 0 in Toy"),
        (CELL.replace("seed = 0", "seed = 0.0"), "`seed` is 0.0 here and 0 in Toy"),
        (CELL.replace("limit = None", ""), "`limit` is missing"),
        (CELL + "\nextra = 1", "`extra` is not a field of Toy"),
        (CELL + "\nimport os", "only assign literals"),
    ],
)
def test_a_notebook_that_differs_from_the_model_fails(tmp_path, source, message):
    with pytest.raises(ParameterError, match=message):
        check_notebook_parameters(write_notebook(tmp_path / "a.ipynb", source), Toy)


def test_a_notebook_without_the_tag_fails(tmp_path):
    with pytest.raises(ParameterError, match="found 0"):
        check_notebook_parameters(write_notebook(tmp_path / "a.ipynb", CELL, tags=()), Toy)


@pytest.mark.parametrize("given", [{"annotator": "noisy"}, {"annotator_noise": 0.5}])
def test_a_noisy_annotator_has_noise_and_no_other_has(given):
    with pytest.raises(ParameterError, match=r"parameter `annotator_noise` .*noisy"):
        check_parameters(ShfCas, given)
    assert check_parameters(ShfCas, {"annotator": "noisy", "annotator_noise": 0.5}).seed == 0
