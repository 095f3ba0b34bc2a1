"""The worked example: every number that the page shows, against pencil and paper."""

import importlib
import math

import nbformat
import numpy as np
import pytest
from proxylab.conflict import kendall_table, pacs, prompt_conflict
from proxylab.environment import project_root
from proxylab.pages.conflict_metrics import definitions
from proxylab.pages.method import colophon, example, feedback, figure, metrics
from proxylab.pages.method.example import ACCORD, CONFLICT, LOGPROB, REWARD


def test_the_short_example_elsewhere_has_the_same_rewards():
    assert REWARD[CONFLICT].tolist() == definitions.EXAMPLE_REWARD[0].tolist()


def test_z_scores_and_pacs_by_hand():
    # wine: r less its mean 1.0 is .7 .1 -.1 -.7, sd .5; l less its mean -20 is -7 1 -1 7, sd 5
    assert example.z_scores(REWARD)[CONFLICT] == pytest.approx([1.4, 0.2, -0.2, -1.4])
    assert example.z_scores(LOGPROB)[CONFLICT] == pytest.approx([-1.4, 0.2, -0.2, 1.4])
    assert pacs(REWARD, LOGPROB) == pytest.approx(
        np.array([[2.8, 0, 0, -2.8], [0, 0.4, -0.4, 0]]), abs=1e-9
    )


def test_the_identities_hold_on_the_example():
    # wine: rho = (-1.96 + .04 + .04 - 1.96) / 4; sun: the same with the signs turned
    assert example.correlation() == pytest.approx([-0.96, 0.96])
    scores = pacs(REWARD, LOGPROB)
    assert (scores**2).mean(axis=1) == pytest.approx(2 * (1 - example.correlation()))
    assert prompt_conflict(REWARD, LOGPROB) == pytest.approx([1.4, 0.2])
    rows = metrics.conflict_table().data.splitlines()
    assert rows[2] == "| wine | 0 | 1.40 | −0.96 | 3.92 | 3.92 | 1.98 |"
    assert rows[3] == "| sun | 0 | 0.20 | 0.96 | 0.08 | 0.08 | 0.28 |"


def test_only_one_of_the_prompts_exceeds_the_released_threshold():
    text = metrics.threshold_sentence().data
    assert "here *wine*." in text
    # the share of unrelated prompts above 1.0 with eight completions, as in the paper's notes
    assert "with 8 completions 72 % of such prompts exceed 1" in text


def test_discordant_pairs_are_counted():
    # wine: A leads by reward and is last by log-probability (3 pairs), D the reverse (2 more)
    assert kendall_table(REWARD, LOGPROB)["discordant"].tolist() == [5, 1]
    table = metrics.pairs_table().data
    assert table.count("**yes**") == 6
    assert "| B, C | B | B | no | B | C | **yes** |" in table


def test_what_is_written_out_is_what_was_computed():
    lines = metrics.means_sentence().data.splitlines()
    assert "0.49, 0.01, 0.01, 0.49, their mean is 0.25" in lines[0]
    assert lines[0].endswith("the standard deviation, 0.5.")
    assert lines[1].endswith("their mean is 25, and its root is the standard deviation, 5.")


def test_the_budget_buys_the_prompt_in_conflict_and_half_of_it_the_extremes():
    assert feedback.chosen().tolist() == [[True] * 4, [False] * 4]
    # the largest PACS of wine is A's and the smallest D's
    assert feedback.chosen(budget=2)[CONFLICT].tolist() == [True, False, False, True]
    assert not feedback.chosen(budget=2)[ACCORD].any()


def test_equal_labels_make_no_pair_and_the_proxy_has_all_of_them_wrong():
    # labels 0 1 1 2: D beats three, B and C beat A
    assert feedback.ordered_pairs() == [(1, 0), (2, 0), (3, 0), (3, 1), (3, 2)]
    text = feedback.pairs_sentence().data
    assert "4 labels make 5 comparisons" in text
    assert "The proxy has 0 of the 5 right and the policy 5" in text
    assert "right on 100 %" in text


def test_the_first_step_by_hand():
    # D is better in three pairs: the mean of sigma(1.4), sigma(.8), sigma(.6) over five pairs
    pushes = [1 / (1 + math.exp(-gap)) for gap in (1.4, 0.8, 0.6)]
    move = sum(pushes) / 5
    assert feedback.slopes(REWARD[CONFLICT])[3] == pytest.approx(-move)
    assert feedback.refitted(1)[3] == pytest.approx(0.3 + move)
    # A loses what D gains, since wine is symmetric; the scores' mean never moves
    assert feedback.refitted(1)[0] == pytest.approx(1.7 - move)
    assert feedback.refitted(10).mean() == pytest.approx(1.0)


def test_the_refit_comes_to_agree_with_the_labels_but_conflict_rises_first():
    rows = feedback.refit_table().data.splitlines()[2:5]
    assert [row.split("|")[6].strip() for row in rows] == ["0", "0", "100"]
    assert "rises before it falls (1.40 after 0, 1.49 after 1" in feedback.refit_sentence().data


def test_places_put_the_largest_first():
    assert figure.places(np.array([[0.3, 1.7, 0.9]])).tolist() == [[3, 1, 2]]


def test_the_figure_says_what_it_shows(monkeypatch, tmp_path):
    module = importlib.import_module("proxylab.plots.publish")
    monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    text = figure.slope_figure("cpu").data
    assert "{#fig-method-slopes}" in text
    assert "wine: discordant 5 of 6 pairs, distance 0.83" in text
    assert (tmp_path / "figures/cpu/method-slopes-dark.svg").is_file()


def test_the_code_on_the_page_gives_the_pages_numbers():
    path = project_root() / "notebooks/pages/method.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    (code,) = [
        cell.source.split("```python\n")[1].split("```")[0]
        for cell in cells
        if cell.cell_type == "markdown" and "```python" in cell.source
    ]
    space = {}
    exec(code, space)
    assert space["proxy_reward"].tolist() == REWARD.tolist()
    assert space["policy_logprob"].tolist() == LOGPROB.tolist()
    assert space["to_label"].tolist() == feedback.chosen().tolist()


def test_the_end_names_a_command_that_makes_the_page():
    assert "proxylab page notebooks/pages/method.ipynb" in colophon.computed_here("method").data
