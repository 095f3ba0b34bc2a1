"""The page of what did not work: sorted by verdict and expectation, nothing left out."""

import nbformat
import pandas as pd
import pytest
from proxylab.environment import project_root
from proxylab.pages.negative_results import alignment, families, proxies, speed, text
from proxylab.pages.negative_results import table as page
from proxylab.pages.negative_results.family import COLUMNS, DOWN, OPEN, UP, Family
from proxylab.pages.verdicts import HIGHER, LOWER, NOISE, NOT_AFTER_HOLM, ONE_SEED, UNDEFINED
from proxylab.results import MissingResults

PAGE = (page,)


@pytest.mark.parametrize(
    ("verdict", "expected", "kind"),
    [
        (HIGHER, UP, page.AS_EXPECTED),
        (LOWER, UP, page.AGAINST),
        (LOWER, DOWN, page.AS_EXPECTED),
        (HIGHER, DOWN, page.AGAINST),
        (HIGHER, OPEN, page.UNASKED),
        (LOWER, OPEN, page.UNASKED),
        (NOISE, UP, page.WITHIN_NOISE),
        (NOT_AFTER_HOLM, DOWN, page.ALONE),
        (ONE_SEED, UP, page.NOT_JUDGED),
        (UNDEFINED, OPEN, page.NOT_JUDGED),
        ("too thin", UP, page.NOT_JUDGED),  # too few wrong prompts for an area
    ],
)
def test_every_verdict_has_its_outcome(verdict, expected, kind):
    assert page.kind_of(verdict, expected) == kind


def rows(*verdicts, expected=UP):
    """One comparison a verdict, named by its place."""
    table = pd.DataFrame({"verdict": verdicts}).assign(
        value=0.1, low=-0.05, high=0.25, n_seeds=3.0, expected=expected
    )
    return table.assign(comparison=[f"c{i}" for i in range(len(table))])[COLUMNS]


def missing(profile):
    raise MissingResults("align", profile=profile)


@pytest.fixture
def three(monkeypatch):
    found = (
        Family("dpo", "gold", lambda profile: rows(HIGHER, NOISE, LOWER)),
        Family("dpo", "share", lambda profile: rows(LOWER, expected=OPEN), percent=True),
        Family("ppo", "slope", missing),
    )
    monkeypatch.setattr(page, "FAMILIES", found)


def test_counts_hold_clear_ones_too(three):
    text = page.counts_table("cpu").data
    # comparisons, as expected, against, unasked, alone, noise, not judged
    assert "| [DPO and data quality](dpo.ipynb) | 4 | 1 | 1 | 1 | 0 | 1 | 0 |" in text
    assert "| all | 4 | 1 | 1 | 1 | 0 | 1 | 0 |" in text


def test_the_sentence_names_what_is_missing(three):
    text = page.count_sentence("cpu").data
    assert text.startswith("Of 4 comparisons on 1 pages, 1 are noise and 0 would be clear only")
    assert "Of the 3 with an expected direction, 1 are clear that way and 1 the other way" in text
    assert "Not run yet: PPO across reward models: slope (`align`)." in text


def test_sections_fold_what_did_not_work_and_leave_out_what_did(three):
    text = page.sections("cpu").data
    assert "## Gold: 2 of 3" in text
    assert "c0" not in text  # clear and as expected
    # against expectation before noise
    assert text.index("c2 | 0.10 [−0.05, 0.25] | 3 | higher") < text.index("c1 | 0.10")
    assert "Share: 0 of 1." in text


def test_against_expectation_is_listed_by_page(three):
    text = page.against_list("cpu").data
    assert text == (
        "- [DPO and data quality](dpo.ipynb), gold: *c2* 0.10 [−0.05, 0.25], expected higher"
    )


def test_percentages_are_shown_in_points(three):
    table, _ = page.collected("cpu")
    assert table.loc[table["what"] == "share", "value"].tolist() == [10.0]


def test_nothing_against_expectation_is_said(monkeypatch):
    monkeypatch.setattr(page, "FAMILIES", (Family("dpo", "gold", lambda p: rows(NOISE)),))
    assert page.against_list("cpu").data == "No comparison is clear against expectation."


def test_a_profile_without_runs_does_not_fail_the_page(monkeypatch):
    monkeypatch.setattr(page, "FAMILIES", (Family("ppo", "slope", missing),))
    assert "No comparison has a recorded run" in page.count_sentence("nobody").data
    assert page.counts_table("nobody").data == ""
    assert page.sections("nobody").data == ""


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.what)
def test_every_family_raises_missing_results_and_nothing_else(project, family):
    with pytest.raises(MissingResults):
        family.read("a-profile-nobody-ran")


def test_every_family_is_of_a_page_with_a_title():
    for family in families.FAMILIES:
        assert (project_root() / f"notebooks/pages/{family.page}.ipynb").is_file()
        assert page.title_of(family.page)


def test_every_run_notebook_that_a_page_of_a_family_needs_is_in_the_end_of_the_page():
    for name in page.NOTEBOOKS:
        assert (project_root() / f"notebooks/runs/{name}.ipynb").is_file()


def test_accuracies_expect_better_data_to_lead(monkeypatch):
    table = pd.DataFrame(
        {
            "a": ["trained on raw, 10 %", "trained on cleaned", "tfidf-word"],
            "b": ["trained on cleaned", "tfidf-word", "tfidf-char"],
            "value": [-0.1, 0.1, 0.0],
            "low": [-0.2, 0.05, -0.1],
            "high": [0.0, 0.15, 0.1],
            "n_seeds": 3,
            "verdict": [NOISE, HIGHER, NOISE],
        }
    )
    monkeypatch.setattr(alignment.reward_models, "comparisons", lambda profile, data: table)
    found = alignment.accuracies("cpu", "world")
    assert found["expected"].tolist() == [DOWN, UP, OPEN]  # between rulers nothing is expected
    assert found["verdict"].tolist() == [NOISE, HIGHER, NOISE]  # the page's own, over its family


def test_a_rank_correlation_of_three_seeds_is_judged_by_its_test(monkeypatch):
    rulers = alignment.training.RULERS
    table = pd.DataFrame(
        {
            "ruler": [rulers["training_reward"], rulers["accuracy"]],
            "rho": [-0.7, 0.9],
            "by_seed": [[-0.6, -0.8], [0.9]],
            "p": [0.01, 0.001],
        }
    )
    monkeypatch.setattr(alignment.training, "rank_rows", lambda profile: table)
    found = alignment.ppo_ranks("cpu")
    assert found["verdict"].tolist() == [LOWER, ONE_SEED]
    assert found["expected"].tolist() == [DOWN, UP]  # the paper: training ranks them backwards


def test_a_bias_is_found_where_every_audit_flags_it(monkeypatch):
    table = pd.DataFrame(
        {
            "proxy": ["task", "task", "gold", "gold"],
            "bias": "length_bias",
            "dose": [0.1, 0.5, 0.5, 0.5],  # the smaller dose is no claim
            "value": [0.0, 1.0, 2 / 3, 1.0],
            "low": 0.4,
            "high": 1.0,
            "n": [3, 3, 3, 1],
        }
    )
    monkeypatch.setattr(proxies.detection, "found_rows", lambda profile: table)
    found = proxies.injected_biases("cpu")
    assert found["comparison"].tolist() == ["task, length bias 0.5", *["gold, length bias 0.5"] * 2]
    assert found["verdict"].tolist() == [HIGHER, NOISE, ONE_SEED]


def test_published_models_are_judged_by_their_test(monkeypatch):
    table = pd.DataFrame(
        {"names": ["a less b", "a less c", "b less c"], "value": [9.0, 5.0, 1.0], "low": -1.0}
    ).assign(high=10.0, p=[0.001, 0.04, 0.5], distinguishable=[True, False, False])
    monkeypatch.setattr(proxies.judgebench, "comparison_rows", lambda profile: table)
    found = proxies.published_models("cpu")
    assert found["verdict"].tolist() == [HIGHER, NOT_AFTER_HOLM, NOISE]
    assert found["n_seeds"].isna().all()  # pairs are redrawn, not seeds


def test_a_biased_judge_should_favour_the_first_place(monkeypatch):
    asked = ["response first", "opponent first", "both orders"]
    table = pd.DataFrame({"comparison": asked * 2, "dose": [0.0] * 3 + [1.0] * 3, "value": 0.1})
    table = table.assign(low=0.0, high=0.2, n_seeds=3, verdict=NOISE)
    monkeypatch.setattr(proxies.position, "dose_errors", lambda profile: table)
    found = proxies.position_bias("cpu")
    assert found["expected"].tolist() == [OPEN, OPEN, OPEN, UP, DOWN, OPEN]
    assert found["comparison"].iloc[3] == "bias 1, response first"


def of_text(**columns):
    """Rows of the page on real text, as its functions give them."""
    table = pd.DataFrame(columns)
    return table.assign(value=0.1, low=-0.1, high=0.3, n_seeds=3, verdict=NOISE)


def test_real_text_expects_what_the_papers_claim_and_no_more(monkeypatch):
    what = [text.gold.GOLD, text.gold.PROXY, text.gold.LEAD, text.gold.AGREE]
    shares = of_text(task="helpful", what=what)
    monkeypatch.setattr(text.gold, "shares", lambda profile: shares)
    assert text.labels_followed("cpu")["expected"].tolist() == [UP, OPEN]  # the proxy is biased
    assert text.gold_lead("cpu")["comparison"].tolist() == ["helpful, gold − biased proxy"]
    chosen = ["conflict", "low_conflict", "oracle"]
    against = of_text(task="harmless", measure="gold", selector=chosen)
    monkeypatch.setattr(text.feedback, "against_random", lambda profile: against)
    found = text.selectors("cpu")
    assert found["expected"].tolist() == [UP, DOWN, UP]
    assert found["comparison"].iloc[1] == "harmless, gold, low conflict"
    arms = of_text(comparison="DPO, raw", measure=["gold", "n_tokens"])
    monkeypatch.setattr(text.alignment, "changes", lambda profile: arms)
    assert text.policies("cpu")["expected"].tolist() == [UP, OPEN]  # longer is not better
    ends = of_text(proxy="strong", what=[text.FALL, text.RISE, "end"])
    monkeypatch.setattr(text.best_of_n, "endings", lambda profile: ends)
    assert text.curve_ends("cpu")["expected"].tolist() == [DOWN, UP, UP]


def test_the_worlds_rows_beside_real_text_are_counted_on_their_own_pages(monkeypatch):
    gaps = of_text(task=["helpful", "world: safety"], who="policy")
    monkeypatch.setattr(text.gap, "gaps", lambda profile: gaps)
    assert text.gap_in_order("cpu")["comparison"].tolist() == [
        "helpful, policy, taught − not taught"
    ]


def test_nothing_to_compare_is_missing_and_not_empty(monkeypatch):
    empty = pd.DataFrame()
    monkeypatch.setattr(text.feedback, "against_random", lambda profile: empty)
    monkeypatch.setattr(text.alignment, "cleaned_rows", lambda profile: empty)
    monkeypatch.setattr(text.gains, "gains", lambda profile: empty)
    for family in (text.selectors, text.cleaned_pairs, text.to_gain):
        with pytest.raises(MissingResults):
            family("cpu")


def test_of_two_ways_of_ours_nothing_is_expected(monkeypatch):
    ways = ["a loop over texts", "pipeline", "ours, without the cache"]
    said = [speed.FASTER, NOISE, speed.SLOWER]
    table = of_text(comparison="scoring", way=ways).assign(verdict=said)
    monkeypatch.setattr(speed, "ratios", lambda profile: table.drop(columns="n_seeds"))
    found = speed.times_ours("cpu")
    assert found["verdict"].tolist() == [HIGHER, NOISE, LOWER]  # of the time, in units of ours
    assert found["expected"].tolist() == [UP, UP, OPEN]


def test_every_page_that_judges_comparisons_has_a_family():
    pages = {family.page for family in families.FAMILIES}
    assert {"real_text", "speed", "shf_cas", "ppo", "judges_and_people"} <= pages
    assert "benchmark" in page.NOTEBOOKS


def test_the_notebook_shows_every_part():
    cells = nbformat.read(
        project_root() / "notebooks/pages/negative_results.ipynb", as_version=4
    ).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    for part in ("count_sentence", "rule_table", "counts_table", "against_list", "sections"):
        assert f"page.{part}(" in code
