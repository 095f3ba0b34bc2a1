"""The Speed page, on small made-up measurements whose ratios and slopes are known."""

import json

import numpy as np
import pandas as pd
import pytest
from proxylab.pages.speed import comparisons, growth, rows, stages, statement, throughput
from proxylab.results import MissingResults, start_run
from proxylab.results.missing import planned
from proxylab.runs import Benchmark


def timings(theirs=(2.0, 3.0, 2.5, 2.2, 2.4, 2.6, 2.8), comparison="scoring", place=1):
    """Ours takes 1 s for 10 texts; the other way handles 5 texts in `theirs` / 2 seconds."""
    made = []
    for repetition, seconds in enumerate(theirs):
        fixed = {"comparison": comparison, "repetition": repetition, "unit": "texts", "gap": 0.0}
        ours = {"way": "ours", "place": 0, "wall_s": 1.0, "cpu_s": 0.5, "units": 10}
        other = {"way": "theirs", "place": place, "wall_s": seconds / 2, "cpu_s": 0.5, "units": 5}
        made += [fixed | ours, fixed | other]
    return pd.DataFrame(made)


def points(slope, *, stage="scoring", axis="prompts", sizes=(10, 20, 40, 80), bend=0.0):
    """Seconds x^slope with a little spread between repetitions, bent by `bend` per unit of ln x."""
    made = []
    for repetition in range(7):
        for size in sizes:
            log = np.log(size / 10)
            seconds = np.exp(slope * log + bend * log**2 / 2 + 1e-3 * (repetition % 3) * log)
            made.append(
                {"stage": stage, "axis": axis, "x": size, "repetition": repetition}
                | {"wall_s": 2 * seconds, "cpu_s": seconds}
                | {"peak_mib": 8.0 * size if repetition == 0 else np.nan}
            )
    return pd.DataFrame(made)


def test_an_interval_of_a_median_is_between_sorted_values():
    # Seven values: from the least to the greatest is worth 1 - 2 / 2^7 = 98.4 %, and the next
    # narrower one, from the second to the sixth, only 1 - 16 / 2^7 = 87.5 %.
    found = rows.median_interval([3.0, 1.0, 7.0, 5.0, 2.0, 6.0, 4.0])
    assert (found.estimate, found.low, found.high, found.n) == (4.0, 1.0, 7.0, 7)
    assert found.level == 0.95
    # Nine: from the second to the eighth is worth 1 - 2 (1 + 9) / 2^9 = 96.1 %.
    found = rows.median_interval(range(1, 10))
    assert (found.estimate, found.low, found.high) == (5.0, 2.0, 8.0)


def test_few_repetitions_say_what_their_interval_is_worth():
    found = rows.median_interval([1.0, 2.0, 4.0, np.nan])
    assert (found.estimate, found.low, found.high, found.n) == (2.0, 1.0, 4.0, 3)
    assert found.level == 0.75  # 1 - 2 / 2^3
    assert rows.median_interval([]).n == 0


def test_a_mean_that_never_varies_is_its_null_or_is_not():
    assert rows.mean_p_value([0.0, 0.0], 0.0) == 1.0
    assert rows.mean_p_value([0.1, 0.1], 0.0) == 0.0
    assert np.isnan(rows.mean_p_value([0.1], 0.0))
    # t = 2 / (1 / sqrt 3) = 3.46 with 2 degrees of freedom
    assert rows.mean_p_value([1.0, 2.0, 3.0], 0.0) == pytest.approx(0.0742, abs=1e-4)


def test_a_ratio_is_taken_a_unit_and_within_a_repetition():
    found = comparisons.ratio_rows(timings()).iloc[0]
    # ours 0.1 s a text; theirs seconds / 10 a text
    assert (found["value"], found["low"], found["high"]) == pytest.approx((2.5, 2.0, 3.0))
    assert found["cpu"] == pytest.approx(2.0)  # 0.1 s a text against 0.05
    assert found["rate"] == pytest.approx(10.0)
    assert found["verdict"] == comparisons.FASTER


def test_the_verdicts_are_one_family():
    noisy = [0.5, 2.0, 0.6, 1.7, 1.1, 0.9, 1.0]
    table = pd.concat([timings(), timings(noisy, "generation"), timings([0.5] * 7, "PPO")])
    found = comparisons.ratio_rows(table).set_index("comparison")["verdict"]
    assert found.to_dict() == {
        "scoring": comparisons.FASTER,
        "generation": "noise",
        "PPO": comparisons.SLOWER,
    }


@pytest.mark.parametrize(("value", "text"), [(956.45, "956"), (13.78, "13.8"), (0.736, "0.74")])
def test_a_ratio_is_written_with_the_digits_that_count(value, text):
    assert comparisons.times(value) == text


def test_slope_and_curvature_of_a_parabola_are_its_own():
    x = np.array([1.0, 2.0, 4.0, 8.0])
    y = np.exp(0.5 + 1.5 * np.log(x))
    assert growth.slope_and_curvature(x, y) == pytest.approx((1.5, 0.0), abs=1e-9)
    bent = np.exp(0.5 * np.log(x) + 0.3 * np.log(x) ** 2)
    assert growth.slope_and_curvature(x, bent)[1] == pytest.approx(0.6)  # its second derivative
    assert np.isnan(growth.slope_and_curvature(x[:3], y[:3])[1])


def test_local_slopes_are_between_neighbours():
    # 1 to 2 doubles nothing, 2 to 4 doubles once, 4 to 8 twice
    assert growth.local_slopes(np.array([1, 2, 4, 8]), np.array([3, 3, 6, 24])) == pytest.approx(
        [0, 1, 2]
    )


@pytest.mark.parametrize(
    ("slopes", "expected"),
    [
        ([1.0, 1.1, 0.9], (1.0, 8.0)),
        ([0.2, 0.9, 1.1], (2.0, 8.0)),
        ([1.0, 1.6, 1.0], (1.0, 2.0)),  # of two stretches as long, the first
        ([0.2, 0.3, 1.9], None),
    ],
)
def test_proportional_is_the_longest_stretch_of_slopes_near_one(slopes, expected):
    assert growth.linear_range(np.array([1.0, 2.0, 4.0, 8.0]), np.array(slopes)) == expected


def test_a_bend_must_be_certain_and_must_matter():
    table = pd.concat(
        [
            points(1.0),
            points(0.5, stage="generation", bend=0.3),
            points(0.9, stage="refit", bend=-0.02),  # certain, and too small to matter
        ]
    )
    found = growth.fit_rows(table, clock="cpu_s").set_index("stage")
    assert found["shape"].to_dict() == {
        "scoring": growth.STRAIGHT,
        "generation": growth.BENDS_UP,
        "refit": growth.STRAIGHT,
    }
    assert found.loc["refit", "p"] < growth.ALPHA
    assert found.loc["scoring", "value"] == pytest.approx(1.001, abs=2e-3)
    assert found.loc["scoring", "linear"] == "10 to 80"
    assert found["memory"].tolist() == pytest.approx([1.0] * 3)  # 8 MiB a prompt
    assert found.loc["scoring", "biggest_mib"] == 640
    # local slopes at the ends of generation: 0.5 + 0.3 ln 2 / 2, 0.5 + 0.3 (ln 8 - ln 2 / 2)
    ends = found.loc["generation", ["first", "last"]].tolist()
    assert ends == pytest.approx([0.605, 1.021], abs=5e-3)


def test_little_memory_gives_no_slope():
    table = points(1.0).assign(peak_mib=lambda frame: frame["peak_mib"] / 100)
    assert np.isnan(growth.fit_rows(table, clock="wall_s")["memory"].iloc[0])


def test_tokens_a_second_are_medians_of_the_repetitions():
    table = pd.DataFrame(
        {
            "activity": "training",
            "model": "world",
            "parameters": 10,
            "tokens": 100,
            "repetition": [0, 1, 2],
            "wall_s": [1.0, 2.0, 4.0],
            "cpu_s": [0.5, 1.0, 2.0],
            "busy_share": [0.5, 0.9, 0.7],
        }
    )
    found = throughput.throughput_rows(table).iloc[0]
    assert (found["wall"].low, found["wall"].estimate, found["wall"].high) == (25, 50, 100)
    assert found["cpu"].estimate == 100
    assert found["busy"] == 0.7


BATCH = pd.DataFrame(
    {
        "kind": ["run", "run", "run", "page"],
        "notebook": ["align", "align", "clean", "front"],
        "name": list("abcd"),
        "start": [0.0, 0.0, 10.0, 30.0],
        "end": [10.0, 30.0, 25.0, 40.0],
        "work_s": [8.0, 27.0, 12.0, np.nan],
    }
)


def test_the_stages_of_a_batch_add_up():
    found = stages.stage_rows(BATCH, cores=4).set_index("stage")["seconds"].to_dict()
    assert found == {
        "align": 35.0,
        "clean": 12.0,
        stages.STARTING: 8.0,  # 10 + 30 + 15 less 35 + 12
        stages.PAGES: 10.0,
        stages.BETWEEN: 15.0,  # two workers for 40 s, less 65 s of notebooks
    }
    assert stages.stage_rows(BATCH, cores=4)["share"].sum() == pytest.approx(1)


def test_notebooks_to_edit_are_a_stage_where_a_batch_tried_them():
    table = pd.concat([BATCH, BATCH.tail(1).assign(kind="explore", start=40.0, end=45.0)])
    found = stages.stage_rows(table, cores=4).set_index("stage")
    assert found.loc[stages.EXPLORE, ["n", "seconds"]].tolist() == [1, 5.0]
    assert found.loc[stages.BETWEEN, "seconds"] == 20.0  # two workers for 45 s, less 70 s
    assert found["share"].sum() == pytest.approx(1)


def test_as_many_workers_as_ran_at_once():
    assert stages.workers(BATCH, cores=4) == 2  # where one ends another begins: still two
    assert stages.workers(BATCH, cores=1) == 1


PLAN = """
name: cpu
seeds: [0, 1]
batch:
  - {notebook: align, parameters: {algorithm: [dpo]}}
  - {notebook: clean, parameters: {seed: [0]}}
  - {notebook: clean, parameters: {seed: [0], data: [hh-rlhf]}, needs: data}
"""


@pytest.fixture
def recorded(project):
    """A project with one benchmark that has every table, of a batch as given."""
    (project / "profiles").mkdir()
    (project / "profiles" / "cpu.yaml").write_text(PLAN)

    def record(table=None, **parameters):
        with start_run("benchmark", Benchmark(**parameters)) as run:
            run.save_table("timings", timings())
            run.save_table("growth", points(1.0))
            run.save_table("stages", whole() if table is None else table)
            tokens = {"activity": "training", "model": "world", "parameters": 10, "tokens": 100}
            spent = {"repetition": 0, "wall_s": 1.0, "cpu_s": 0.5, "busy_share": np.nan}
            run.save_table("throughput", pd.DataFrame([tokens | spent]))
        return run.folder

    return record


def whole():
    """BATCH as all that PLAN plans in the world, at one commit."""
    names = [run.run_id for run in planned("cpu", with_data=False)]
    return BATCH.assign(name=[*names, "front"], commit=["0a"] * 3 + [""], dirty=False)


def test_a_whole_batch_at_one_commit_has_no_warning(recorded):
    recorded(repeats=7)
    assert stages.whole_note("cpu").data == ""
    said = stages.stage_table("cpu").data
    assert "3 of 3 planned runs, 1 of 0 pages, at commit 0a, in 0.7 minutes" in said


def test_a_batch_that_lacks_runs_or_has_others_is_told(recorded):
    recorded(whole().replace({"name": {whole()["name"][0]: "seed=0,data=hh-rlhf-12345678"}}))
    said = stages.whole_note("cpu").data
    assert "it lacks 1 of 3 planned runs; it holds 1 that is not planned." in said
    assert "python -m benchmarks.stages --profile cpu" in said
    assert "2 of 3 planned runs, 1 other run," in stages.stage_table("cpu").data


def test_a_batch_of_several_commits_is_told(recorded):
    recorded(whole().assign(commit=["0a", "0b", "0a", ""], dirty=[False, False, True, False]))
    assert "made at 3 commits (0a, 0a with uncommitted changes, 0b)" in (
        stages.whole_note("cpu").data
    )


def test_a_batch_recorded_before_commits_were_is_told(recorded):
    recorded(whole().drop(columns=["commit", "dirty"]))
    assert "not recorded at which commits" in stages.whole_note("cpu").data


def test_the_page_reads_the_latest_run_of_each_table_and_no_other(recorded):
    quick = recorded(repeats=3, quick=True)
    assert [run.folder for run in rows.runs_read("cpu")] == [quick]
    full = recorded(repeats=7)
    with start_run("benchmark", Benchmark(what=("stages",))) as run:
        run.save_table("stages", whole())
    later = json.loads((run.folder / "result.json").read_text()) | {"started": "2999-01-01"}
    (run.folder / "result.json").write_text(json.dumps(later))
    assert [run.folder for run in rows.runs_read("cpu")] == [full, run.folder]


def test_without_a_benchmark_the_page_reads_nothing(project):
    assert rows.runs_read("cpu") == []


def test_every_part_of_the_page_says_its_n_and_machine(recorded):
    recorded(repeats=7)
    parts = (
        comparisons.ratio_table,
        comparisons.ratio_figure,
        growth.growth_table,
        growth.growth_figure,
        throughput.throughput_table,
        stages.stage_table,
    )
    texts = [part("cpu").data for part in parts]
    assert all("{#tbl-speed" in text or "{#fig-speed" in text for text in texts)
    for text in texts:
        assert any(words in text for words in ("repetitions", "One batch"))
    said = statement.statement("cpu").data
    assert said.startswith("Of 1 ways of others, ours is faster than 1")
    assert "not told from 0" in said
    assert "Ours is faster" in comparisons.ratio_sentence("cpu").data
    assert "scoring over prompts 10 to 80" in growth.growth_sentence("cpu").data
    assert "`align`" in stages.stage_sentence("cpu").data


def test_a_full_benchmark_comes_before_a_quick_one(recorded):
    full = recorded(repeats=7)
    quick = recorded(repeats=3, quick=True)
    later = json.loads((quick / "result.json").read_text()) | {"started": "2999-01-01T00:00:00"}
    (quick / "result.json").write_text(json.dumps(later))
    assert rows.latest_run("cpu", "timings").folder == full
    assert "Quick" not in rows.hardware_sentence("cpu", "timings")


def test_a_quick_benchmark_is_said_to_be_one(recorded):
    recorded(repeats=3, quick=True)
    assert "only show that it works" in rows.hardware_sentence("cpu", "timings")


def test_without_a_benchmark_the_page_says_what_to_run(project):
    with pytest.raises(MissingResults, match=r"notebooks/runs/benchmark\.ipynb"):
        statement.statement("cpu")
