"""Presence means done: after exceptions, after kill -9, and when two processes want the same."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock
from proxylab import artifacts, hub_revisions
from proxylab.artifacts import (
    KEY_FILE,
    cached_artifact,
    code_fingerprint,
    files_fingerprint,
    folder_stamp,
)
from proxylab.hub_revisions import source_identity
from proxylab.world import WorldSettings


def write(name, text="done"):
    def make(folder: Path) -> None:
        assert list(folder.iterdir()) == []  # a new empty folder each time
        (folder / name).write_text(text)

    return make


def never(folder):
    raise AssertionError("made a second time")


def visible(build):
    """What counts as made; lock files do not."""
    return [path for path in build.glob("cache/thing/*") if not path.name.startswith(".")]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PROXYLAB_BUILD", str(tmp_path))


def test_an_artifact_is_made_once(tmp_path):
    place = cached_artifact("thing", {"a": 1}, write("file"))
    assert place.parent == tmp_path / "cache" / "thing"
    assert (place / "file").read_text() == "done"
    assert '"a": 1' in (place / KEY_FILE).read_text()
    assert cached_artifact("thing", {"a": 1}, never) == place


def test_the_key_is_every_setting_and_not_their_order():
    place = cached_artifact("thing", {"a": 1, "b": (1, 2)}, write("file"))
    assert cached_artifact("thing", {"b": [1, 2], "a": 1}, never) == place
    for other in ({"a": 1}, {"a": 2, "b": [1, 2]}, {"a": 1, "b": [2, 1]}):
        assert cached_artifact("thing", other, write("file")) != place
    assert cached_artifact("other", {"a": 1, "b": [1, 2]}, write("file")) != place


def test_settings_of_pydantic_are_keys_by_value():
    place = cached_artifact("thing", {"world": WorldSettings(seed=1)}, write("file"))
    assert cached_artifact("thing", {"world": WorldSettings(seed=1)}, never) == place
    assert cached_artifact("thing", {"world": WorldSettings(seed=2)}, write("file")) != place


def test_what_json_cannot_hold_is_no_key():
    with pytest.raises(TypeError, match="cannot be keyed by a set"):
        cached_artifact("thing", {"a": {1}}, never)


def test_an_exception_leaves_nothing_behind(tmp_path):
    def fail(folder):
        (folder / "half").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_artifact("thing", {}, fail)
    assert visible(tmp_path) == []
    assert list(tmp_path.glob("cache/thing/.unfinished*")) == []
    place = cached_artifact("thing", {}, write("whole"))
    assert sorted(path.name for path in place.iterdir()) == [KEY_FILE, "whole"]


def start(script: str) -> subprocess.Popen:
    lines = ["import time, pathlib", "from proxylab.artifacts import cached_artifact", script]
    return subprocess.Popen([sys.executable, "-c", "\n".join(lines)], stdout=subprocess.PIPE)


def test_a_killed_run_leaves_nothing_that_counts(tmp_path):
    process = start(
        "def make(folder):\n"
        "    (folder / 'half').write_text('half')\n"
        "    print('started', flush=True)\n"
        "    time.sleep(60)\n"
        "cached_artifact('thing', {}, make)"
    )
    assert process.stdout.readline() == b"started\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert visible(tmp_path) == []
    place = cached_artifact("thing", {}, write("whole"))  # the lock died with its holder
    assert sorted(path.name for path in place.iterdir()) == [KEY_FILE, "whole"]
    assert list(tmp_path.glob("cache/thing/.unfinished*")) == []


def test_two_processes_make_it_once(tmp_path):
    log = tmp_path / "log"
    script = (
        "def make(folder):\n"
        f"    pathlib.Path({str(log)!r}).open('a').write('made\\n')\n"
        "    time.sleep(0.5)\n"
        "print(cached_artifact('thing', {}, make))"
    )
    processes = [start(script) for _ in range(2)]
    places = [process.communicate(timeout=60)[0] for process in processes]
    assert places[0] == places[1] != b""
    assert log.read_text() == "made\n"


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A library of two rooms and a module in place of ours."""
    folder = tmp_path / "library"
    for name in ("one/a.py", "one/deep/b.py", "two/a.py", "alone.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}\n")
    monkeypatch.setattr(artifacts, "__file__", str(folder / "artifacts.py"))
    code_fingerprint.cache_clear()
    yield folder
    code_fingerprint.cache_clear()


@pytest.mark.parametrize("changed", ["one/a.py", "one/deep/b.py", "alone.py", "one/new.py"])
def test_a_change_of_code_is_another_place(library, changed):
    rooms = ("one", "alone")
    place = cached_artifact("thing", {}, write("file"), code=rooms)
    (library / changed).write_text("x = 1\n")
    code_fingerprint.cache_clear()
    assert cached_artifact("thing", {}, write("file"), code=rooms) != place


def test_a_change_of_other_code_is_not(library):
    place = cached_artifact("thing", {}, write("file"), code=("one", "alone"))
    (library / "two" / "a.py").write_text("x = 1\n")
    (library / "two" / "texts.json").write_text("[]")
    (library / "one" / "__pycache__").mkdir()
    (library / "one" / "__pycache__" / "a.cpython-311.pyc").write_text("compiled")
    (library / "one" / ".a.py.swp").write_text("an editor's")
    code_fingerprint.cache_clear()
    assert cached_artifact("thing", {}, never, code=("alone", "one")) == place


CODE = '''"""What it is."""
from os import path  # why


def twice(x: float = 1.0) -> float:
    """Two of it."""
    assert x
    return 2 * x


class Thing(Base):
    """A thing."""

    note: str = Field(default="a", description="shown to users")
'''


def fingerprint_of(folder, text):
    file = folder / "module.py"
    file.write_text(text)
    return files_fingerprint([file], folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # why", ""),
        ("    assert x", "    # of whatever sign\n\n    assert x"),
        ("Two of it.", "Two of it, by addition.\n\n    It raises nothing."),
        ('    """Two of it."""\n', ""),
        ('"""What it is."""\n', '\n"""What it was."""\n\n\n'),
        ('    """A thing."""\n\n', ""),
        ("2 * x", "(\n        2\n        * x\n    )"),
        ('"a"', "'a'"),
        ('"shown to users"', '"shown "\n    "to users"'),
    ],
)
def test_how_code_reads_is_not_what_it_does(tmp_path, old, new):
    assert CODE.count(old) == 1
    changed = CODE.replace(old, new)
    assert fingerprint_of(tmp_path, changed) == fingerprint_of(tmp_path, CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2 * x", "x * 2"),
        ("2 * x", "2.0 * x"),
        ("= 1.0", "= 1"),
        ("= 1.0", "= True"),
        ("    assert x\n", ""),
        ("-> float", "-> int"),
        ("(Base)", ""),
        ("shown to users", "shown to its users"),  # a string that is no docstring
        ('"""A thing."""', '"""A thing."""\n    """A second text is none."""'),
        ("from os", "from posix"),
        ("def twice", "@cache\ndef twice"),
        ("def twice", "async def twice"),
    ],
)
def test_what_code_does_is_what_it_is_known_by(tmp_path, old, new):
    assert CODE.count(old) == 1
    changed = CODE.replace(old, new)
    assert fingerprint_of(tmp_path, changed) != fingerprint_of(tmp_path, CODE)


def test_where_a_block_ends_is_told(tmp_path):
    inner = "if a:\n    if b:\n        f()\n    else:\n        g()\n"
    outer = "if a:\n    if b:\n        f()\nelse:\n    g()\n"
    assert fingerprint_of(tmp_path, inner) != fingerprint_of(tmp_path, outer)


def test_what_is_no_python_counts_as_it_is_written(tmp_path):
    first, second = (fingerprint_of(tmp_path, f"def f(  # {word}\n") for word in "ab")
    assert first != second


def test_a_fingerprint_as_written_counts_every_character(tmp_path):
    names = ("a.py", "b.py")
    for name in names:
        (tmp_path / name).write_text("x = 1\n")
    first, second = (tmp_path / name for name in names)
    written = files_fingerprint([first, second], tmp_path, as_written=True)
    assert files_fingerprint([second, first], tmp_path, as_written=True) == written
    first.write_text("x = 1  # one\n")
    assert files_fingerprint([first, second], tmp_path, as_written=True) != written


def test_a_room_counts_with_the_data_in_it(library):
    place = cached_artifact("thing", {}, write("file"), code=("one",))
    for text in ("[1]", "[2]"):
        (library / "one" / "deep" / "texts.json").write_text(text)
        code_fingerprint.cache_clear()
        changed = cached_artifact("thing", {}, write("file"), code=("one",))
        assert changed != place
        place = changed


def test_a_room_that_is_not_there_is_an_error(library):
    with pytest.raises(FileNotFoundError, match=r"three\.py"):
        code_fingerprint("three")


def test_a_lock_that_another_job_holds_for_long_is_waited_for(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(artifacts, "PATIENCE", 0.05)
    monkeypatch.setattr(artifacts, "as_main", lambda value: asked.append(value) or value)
    place = cached_artifact("thing", {"a": 1}, write("file"))
    shutil.rmtree(place)
    lock = FileLock(place.with_name(f".{place.name}.lock"), thread_local=False)
    lock.acquire()
    asked.clear()
    threading.Timer(0.3, lock.release).start()  # as the other job, when it is done
    assert cached_artifact("thing", {"a": 1}, write("file")) == place
    # Is it there; have we the lock, asked several times; is it there now.
    there, *waiting, taken, still_there = asked
    assert (there, taken, still_there) == (False, True, False)
    assert len(waiting) >= 2
    assert not any(waiting)


def test_a_folder_is_told_from_what_was_put_in_its_place(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_text("abc")
    first = folder_stamp(folder)
    assert first == folder_stamp(str(folder))
    os.utime(folder / "weights", ns=(1, 1))
    changed = folder_stamp(folder)
    assert changed != first
    (folder / "inner").mkdir()
    (folder / "weights").rename(folder / "inner" / "weights")
    assert folder_stamp(folder) != changed
    assert folder_stamp("") is folder_stamp(tmp_path / "none") is None


def test_what_a_name_stands_for_is_a_folders_stamp_or_a_commit(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    assert source_identity(tmp_path / "model") == folder_stamp(tmp_path / "model")
    commits = {"model:someone/large": "a" * 40}
    monkeypatch.setattr(hub_revisions, "read_lock", lambda root=None: commits)
    assert source_identity("someone/large") == "a" * 40
    assert source_identity("someone/large", revision="b" * 40) == "b" * 40
    assert source_identity("strong") is source_identity(None) is None
    with pytest.raises(hub_revisions.HubRevisionError, match="no commit of this model"):
        source_identity("someone/small")
