"""One run in two processes: one result, one artifact, written by the main process."""

from pathlib import Path

from proxylab.machine import processes

WORKER = """
import time
from pathlib import Path
from proxylab.artifacts import cached_artifact
from proxylab.machine.processes import as_main, process_index
from proxylab.results import start_run

me = process_index()

def make(folder):
    time.sleep(0.2 * me)  # the main process is done first, and must not go on without the other
    (folder / "who.txt").write_text(str(me))
    (Path.cwd() / f"made-by-{me}").touch()

def nested(folder):
    inner = cached_artifact("inner", {"a": 1}, make)
    (folder / "inner.txt").write_text(inner.name)

# Only the main process has a stale idea of what is there, and its idea counts.
assert as_main(me == 0) is True
place = cached_artifact("outer", {"a": 1}, nested)
again = cached_artifact("outer", {"a": 1}, nested)
assert place == again and (place / "inner.txt").is_file()
with start_run("tiny", {"profile": "cpu", "seed": 0}) as run:
    run.log_metric("who", me, n_effective=1)
Path(f"folder-of-{me}").write_text(str(run.folder.relative_to(Path.cwd())))
"""


def test_two_processes_make_one_result_and_one_artifact(run_in_processes):
    folder = run_in_processes(WORKER, 2)
    main, other = ((folder / f"folder-of-{rank}").read_text() for rank in range(2))
    assert Path(main).parts[:3] == ("results", "cpu", "tiny")
    assert Path(other).parts[:3] == ("build", "processes", "1")
    # Both made it once, together, as a trainer needs; what is kept is the main process's.
    assert sorted(path.name for path in folder.glob("made-by-*")) == ["made-by-0", "made-by-1"]
    (kept,) = (folder / "build" / "cache" / "inner").glob("*/who.txt")
    assert kept.read_text() == "0"
    assert not list((folder / "build" / "cache").glob("*/.unfinished*"))
    assert [path.parent.name for path in folder.glob("results/**/result.json")] == [Path(main).name]


def test_one_process_is_the_main_one_and_asks_nobody(monkeypatch):
    for name in (processes.INDEX, processes.COUNT):
        monkeypatch.delenv(name, raising=False)
    assert processes.is_main()
    assert processes.n_processes() == 1
    assert processes.as_main(False) is False
    assert processes.own_folder(Path("a/b"), Path("build")) == Path("a/b")
