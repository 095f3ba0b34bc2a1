import getpass
import json
import math
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest
from proxylab import results
from proxylab.parameters import RunParameters
from proxylab.results import (
    DamagedResult,
    MissingResults,
    RunUnderWay,
    gather,
    load_runs,
    provenance,
    run_folder,
    run_id,
    start_run,
)
from proxylab.stats.intervals import Interval


class StoreToy(RunParameters):
    notebook: ClassVar[str] = "store_toy"

    algorithm: str = "dpo"
    rate: float = 0.5
    data: str = ""


TABLE = pd.DataFrame({"topic": ["a", "b"], "gold": [0.25, math.nan]})


def record(parameters=None, *, gold=0.75, **options):
    parameters = parameters or StoreToy()
    with start_run("store_toy", parameters, **options) as run:
        run.log_metric(
            "gold", gold, n_asked=10, n_effective=8, higher_is_better=True, unit="reward"
        )
        run.log_metric("accuracy", Interval(0.6, 0.5, 0.7, 90))
        run.save_table("by-topic", TABLE)
        run.sources["pairs"] = "0123abcd"
    return run.folder


# --- names and places


def test_the_name_shows_the_seed_and_what_differs_and_ends_in_a_hash():
    assert run_id(StoreToy()).startswith("seed=0-")
    named = run_id(StoreToy(seed=3, algorithm="ppo", rate=1e-4, profile="gpu"))
    assert named.startswith("seed=3,algorithm=ppo,rate=0.0001-")
    assert len(named.rsplit("-", 1)[1]) == 8


def test_the_name_depends_on_every_parameter_and_on_nothing_else():
    assert run_id(StoreToy(seed=1)) == run_id(StoreToy(seed=1))
    names = {
        run_id(StoreToy(seed=1, rate=r, profile=p)) for r in (0.1, 0.2) for p in ("cpu", "gpu")
    }
    assert len(names) == 4
    assert run_id({"seed": 1, "a": 2}) == run_id({"a": 2, "seed": 1}, defaults={"a": 1})


def test_a_name_is_safe_in_a_file_system_and_tells_no_path():
    name = run_id(StoreToy(algorithm="a b/../c:" + "x" * 200, data="/home/someone/secret/hh"))
    assert "/" not in name
    assert " " not in name
    assert len(name) < 120
    assert "secret" not in run_id(StoreToy(data="/home/someone/secret/hh"))


@pytest.mark.parametrize("profile", ["../elsewhere", "a/b", "", "shipped", ".hidden"])
def test_a_profile_cannot_lead_out_of_the_store(project, profile):
    with pytest.raises(ValueError, match="cannot name a folder"):
        run_folder("store_toy", StoreToy(profile=profile))


# --- what is recorded


def test_a_finished_run_is_read_back(project):
    folder = record(profile={"epochs": 2})
    assert folder == project / "results" / "cpu" / "store_toy" / run_id(StoreToy())
    (run,) = load_runs("store_toy", profile="cpu")
    gold, accuracy = run.metric("gold"), run.metric("accuracy")
    assert (gold.value, gold.n_asked, gold.n_effective, gold.unit) == (0.75, 10, 8, "reward")
    assert (gold.low, gold.higher_is_better) == (None, True)
    assert accuracy.interval == Interval(0.6, 0.5, 0.7, 90)
    assert accuracy.n_asked == 90  # as many as were effective, unless said otherwise
    pd.testing.assert_frame_equal(run.table("by-topic"), TABLE)
    assert run.record["resolved_profile"] == {"epochs": 2}
    assert run.record["seeds"] == {"seed": 0}
    assert run.record["sources"] == {"pairs": "0123abcd"}
    assert run.record["packages"]["pandas"] == pd.__version__
    assert run.record["wall_time_s"] >= 0
    assert run.record["peak_memory_mib"]["process"] > 10
    assert run.record["hardware"]["cores"] >= 1


def test_undefined_is_kept_as_undefined(project):
    with start_run("store_toy", StoreToy()) as run:
        run.log_metric("tau", math.nan, n_asked=5, n_effective=0)
    assert "NaN" not in (run.folder / "result.json").read_text()
    metric = load_runs("store_toy")[0].metric("tau")
    assert metric.value is None
    assert math.isnan(metric.interval.estimate)


def test_what_cannot_be_recorded_is_refused(project):
    with start_run("store_toy", StoreToy()) as run:
        run.log_metric("gold", 1.0, n_effective=3)
        with pytest.raises(ValueError, match="logged already"):
            run.log_metric("gold", 2.0, n_effective=3)
        with pytest.raises(ValueError, match="how many units"):
            run.log_metric("loss", 2.0)
        with pytest.raises(ValueError, match="infinite"):
            run.log_metric("loss", math.inf, n_effective=3)
        with pytest.raises(ValueError, match="lower-case"):
            run.save_table("../table", TABLE)
        with pytest.raises(ValueError, match="reset_index"):
            run.save_table("table", TABLE.set_index("topic"))
    with pytest.raises(RuntimeError, match="closed"):
        run.log_metric("late", 1.0, n_effective=1)


def test_nothing_names_the_machine_or_its_user(project, monkeypatch):
    home = Path.home()
    parameters = StoreToy(data=str(home / "private" / "hh-rlhf"), algorithm=f"in {project}")
    profile = {"model": "/srv/models/small", "judge": f"http://me:pw@{socket.gethostname()}:80/v1"}
    text = (record(parameters, profile=profile) / "result.json").read_text()
    assert "hh-rlhf" in text  # the last part of a path stays: it says what was read
    forbidden = [str(project), "private", "/srv", "me:pw", f"//{socket.gethostname()}"]
    forbidden += [str(home) + "/", f"/{getpass.getuser()}/"]
    assert [word for word in forbidden if word in text] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dpo:/srv/alice/policy,/srv/alice/ref", "dpo:(folder)/policy,(folder)/ref"),
        ("dpo:EleutherAI/pythia-1b,/srv/my data/ref/", "dpo:EleutherAI/pythia-1b,(folder)/ref/"),
        ("ranker:/srv/alice/m", "ranker:(folder)/m"),
        (r"ranker:C:\Users\alice\m", "ranker:(folder)/m"),
        ("['/srv/alice/a.csv', '/b']", "['(folder)/a.csv', '(folder)/b']"),
        ("file:///srv/alice/a.csv", "file://(folder)/a.csv"),
        ("/srv/my data/own.py:score", "(folder)/own.py:score"),
    ],
)
def test_a_path_inside_a_text_is_cut_to_its_last_part(text, shown):
    assert provenance.scrub(text) == shown
    assert provenance.scrub(shown) == shown
    assert "alice" not in run_id(StoreToy(data=text))


@pytest.mark.parametrize(
    "text",
    ["http://judge:80/v1", "EleutherAI/pythia-1b", "a / b", "./m", "../m", "x/*/y", "and/or"],
)
def test_what_is_no_absolute_path_stays(text):
    assert provenance.scrub(text) == text


def test_git_is_recorded_where_there_is_a_checkout_and_not_required(project, monkeypatch):
    assert provenance.git_state(project) == {"commit": None, "dirty": None}
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    git = ["git", "-C", str(project), *identity]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    state = provenance.git_state(project)
    assert len(state["commit"]) == 40
    assert state["dirty"] is False
    (project / "new.txt").touch()
    assert provenance.git_state(project)["dirty"] is True
    (project / "inner").mkdir()  # a copy inside another checkout is not that checkout
    assert provenance.git_state(project / "inner")["commit"] is None
    monkeypatch.setenv("PATH", "")
    assert provenance.git_state(project) == {"commit": None, "dirty": None}


def test_the_digest_is_of_the_numbers_alone(project):
    first = json.loads((record() / "result.json").read_text())
    again = json.loads((record() / "result.json").read_text())
    other = json.loads((record(gold=math.nextafter(0.75, 1)) / "result.json").read_text())
    assert first["digest"] == again["digest"]
    assert first["digest"] != other["digest"]  # one bit of one number
    assert first["tables"] == other["tables"]


# --- all or nothing

BROKEN_OFF = """
import os, signal, sys
import pandas as pd
from proxylab.results import placing, start_run, writing

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

moment = sys.argv[1]
parameters = {"profile": "cpu", "seed": 0}
if moment == "before the rename":
    writing.put_in_place = die
if moment == "between the renames":
    placing._flush = lambda path: None
    rename = placing.Path.rename
    def rename_once(self, target):
        rename(self, target)
        die()
    placing.Path.rename = rename_once
run = start_run("store_toy", parameters)
if moment == "at the start":
    die()
run.log_metric("gold", 0.5, n_effective=4)
run.save_table("rows", pd.DataFrame({"x": range(1000)}))
if moment == "after a table":
    die()
run.finish()
"""
PLAIN = {"profile": "cpu", "seed": 0}


def killed_child(project, moment):
    command = [sys.executable, "-c", BROKEN_OFF, moment]
    return subprocess.run(command, cwd=project, timeout=60).returncode


def record_plainly(root):
    """What the child would have recorded, unbroken."""
    with start_run("store_toy", PLAIN, root=root) as run:
        run.log_metric("gold", 0.5, n_effective=4)
        run.save_table("rows", pd.DataFrame({"x": range(1000)}))


@pytest.mark.parametrize("moment", ["at the start", "after a table", "before the rename"])
def test_a_killed_run_leaves_nothing_that_is_trusted_and_resumes_to_the_same(project, moment):
    assert killed_child(project, moment) == -signal.SIGKILL
    store = project / "results" / "cpu" / "store_toy"
    assert [p.name for p in store.iterdir() if not p.name.startswith(".")] == []
    with pytest.raises(MissingResults):
        load_runs("store_toy")
    unbroken = project / "unbroken"
    record_plainly(project)
    record_plainly(unbroken)
    (resumed,) = load_runs("store_toy")
    # the killed run's folder was cleared away
    assert sorted(p.name for p in store.iterdir()) == [".locks", resumed.run_id]
    assert load_runs("store_toy", root=unbroken)[0].digest == resumed.digest


def test_a_run_killed_while_it_replaces_an_older_result_leaves_none(project):
    record_plainly(project)
    assert killed_child(project, "between the renames") == -signal.SIGKILL
    assert not results.available("store_toy")
    record_plainly(project)
    assert len(load_runs("store_toy")) == 1


def test_an_exception_leaves_nothing(project):
    def fail_half_way():
        with start_run("store_toy", StoreToy()) as run:
            run.save_table("rows", TABLE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert not results.available("store_toy")
    assert [p.name for p in (project / "results/cpu/store_toy").iterdir()] == [".locks"]


def test_leftovers_of_other_runs_are_cleared_but_not_those_at_work(project):
    alive = start_run("store_toy", StoreToy(seed=1))
    dead = alive.folder.with_name(".unfinished-seed=2-00000000")
    dead.mkdir()
    record(StoreToy(seed=3))
    assert not dead.exists()
    alive.log_metric("gold", 1.0, n_effective=1)
    assert alive.finish().is_dir()


def test_starting_again_in_the_same_process_abandons_the_first(project):
    first = start_run("store_toy", StoreToy())
    first.log_metric("gold", 1.0, n_effective=1)
    second = start_run("store_toy", StoreToy())
    second.finish()
    assert load_runs("store_toy")[0].record["metrics"] == {}
    with pytest.raises(RuntimeError, match="closed"):
        first.finish()


def test_two_processes_cannot_make_the_same_run(project, monkeypatch):
    held = start_run("store_toy", PLAIN)
    code = (
        "from proxylab.results import placing, start_run\n"
        "placing.lock_run.__kwdefaults__['patience'] = 0.1\n"
        f"start_run('store_toy', {PLAIN})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True)
    assert done.returncode == 1
    assert RunUnderWay.__name__ in done.stderr
    held.finish()


# --- reading


def test_where_chooses_and_gather_joins_with_the_parameters(project):
    for seed in (2, 10, 1):
        record(StoreToy(seed=seed, algorithm="ppo"))
    record(StoreToy(seed=1))
    frame = gather("store_toy", "by-topic", where={"algorithm": "ppo", "seed": [1, 2]})
    assert sorted(frame["seed"].unique()) == [1, 2]
    assert list(frame.columns[:4]) == ["run_id", "profile", "seed", "algorithm"]
    assert len(frame) == 4  # two runs of two rows
    assert len(load_runs("store_toy", where={"seed": lambda s: s > 1})) == 2
    metrics = results.gather_metrics("store_toy", where={"algorithm": "ppo"})
    assert len(metrics) == 6
    assert set(metrics["metric"]) == {"gold", "accuracy"}
    with pytest.raises(ValueError, match=r"no parameter `sede` \(did you mean `seed`\?\)"):
        load_runs("store_toy", where={"sede": 1})


def test_a_column_may_repeat_a_parameter_but_not_contradict_it(project):
    for seed, column in ((0, 0), (1, 7)):
        with start_run("store_toy", StoreToy(seed=seed)) as run:
            run.save_table("rows", pd.DataFrame({"x": [1.5], "seed": [column]}))
    assert gather("store_toy", "rows", where={"seed": 0})["seed"].tolist() == [0]
    with pytest.raises(ValueError, match="contradicts"):
        gather("store_toy", "rows")


def test_a_missing_result_says_what_to_run(project):
    with pytest.raises(MissingResults, match="make site PROFILE=smoke") as caught:
        load_runs("align", profile="smoke", where={"algorithm": "ppo"})
    command = "python -m proxylab run notebooks/runs/align.ipynb -p profile smoke -p algorithm ppo"
    assert caught.value.command == command
    assert not results.available("align")


def test_a_page_shows_a_callout_and_goes_on(project, monkeypatch):
    shown = []
    monkeypatch.setattr(results.missing, "display", lambda markdown: shown.append(markdown.data))
    with results.callout_if_missing():
        load_runs("align", profile="cpu")
        shown.append("never reached")
    assert len(shown) == 1
    assert "Not run yet" in shown[0]
    assert "notebooks/runs/align.ipynb -p profile cpu" in shown[0]


def test_a_parameter_that_is_newer_than_a_run_has_its_default_there(project):
    file = record(StoreToy(seed=1)) / "result.json"
    older = json.loads(file.read_text())
    del older["parameters"]["rate"]
    file.write_text(json.dumps(older))
    (run,) = load_runs("store_toy", where={"rate": 0.5})
    assert run.parameters["rate"] == 0.5
    with pytest.raises(MissingResults):
        load_runs("store_toy", where={"rate": 0.1})


def test_a_local_run_comes_before_a_shipped_one(project):
    local = record(StoreToy(seed=1))
    shipped = project / "results" / "shipped" / "store_toy"
    shipped.mkdir(parents=True)
    local.rename(shipped / local.name)
    (run,) = load_runs("store_toy", profile="cpu")
    assert run.shipped
    assert not results.available("store_toy", profile="gpu")  # the record says which profile
    record(StoreToy(seed=1), gold=0.5)
    (run,) = load_runs("store_toy")
    assert not run.shipped
    assert run.metric("gold").value == 0.5


def test_an_older_result_version_counts_as_missing(project, monkeypatch):
    record(StoreToy(seed=1))
    monkeypatch.setattr(StoreToy, "result_version", 2)
    with pytest.warns(UserWarning, match="older result version"), pytest.raises(MissingResults):
        load_runs("store_toy")
    record(StoreToy(seed=1))
    assert load_runs("store_toy")[0].record["result_version"] == 2


def test_an_outdated_local_run_does_not_hide_a_current_shipped_one(project, monkeypatch):
    local = record(StoreToy(seed=1))
    monkeypatch.setattr(StoreToy, "result_version", 2)
    shipped = project / "results" / "shipped" / "store_toy" / local.name
    old = local.rename(local.with_name("kept-aside"))
    shipped.parent.mkdir(parents=True)
    record(StoreToy(seed=1), gold=0.5).rename(shipped)
    old.rename(local)
    with pytest.warns(UserWarning, match="1 run\\(s\\) of store_toy have an older result version"):
        (run,) = load_runs("store_toy")
    assert run.shipped
    assert run.metric("gold").value == 0.5


def test_an_outdated_shipped_run_is_not_complained_of_where_a_local_one_is_current(
    project, monkeypatch, recwarn
):
    old = record(StoreToy(seed=1))
    shipped = project / "results" / "shipped" / "store_toy"
    shipped.mkdir(parents=True)
    old.rename(shipped / old.name)
    monkeypatch.setattr(StoreToy, "result_version", 2)
    record(StoreToy(seed=1))
    (run,) = load_runs("store_toy")
    assert not run.shipped
    assert not recwarn.list


def test_damage_is_named(project):
    folder = record()
    run = load_runs("store_toy")[0]
    with pytest.raises(ValueError, match=r"no 'by_topic' in tables \(did you mean `by-topic`"):
        run.table("by_topic")
    TABLE.assign(gold=1.0).to_parquet(folder / "by-topic.parquet")
    with pytest.raises(DamagedResult, match=r"by-topic\.parquet"):
        run.table("by-topic")
    (folder / "result.json").write_text('{"schema_version": 1')
    with pytest.raises(DamagedResult, match=r"result\.json of run"):
        load_runs("store_toy")
