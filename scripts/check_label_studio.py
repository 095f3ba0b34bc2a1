"""Try the labelling task against an installed Label Studio: python scripts/check_label_studio.py.

Starts it on loopback with a database of its own in a temporary folder, makes two projects (pairs,
scores) from what `export_batch` writes, answers through its API as its annotators' browsers would,
exports, and brings the export into a ledger. Says which version it was and what came back; exits
with 1 if anything differs. Label Studio is not needed otherwise: install it into an environment of
its own (pip install label-studio) and name its executable, or have it on PATH.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pandas as pd
from proxylab.people import (
    Batch,
    Ledger,
    export_batch,
    import_answers,
    pairs_batch,
    response_scores,
    scores_batch,
    votes_of,
)
from proxylab.people.exchange import CONFIG, TASKS
from proxylab.people.instructions import CRITERIA

EXPORT = "export?exportType=JSON&download_all_tasks=true"
TOKEN = "0" * 39 + "1"  # of a server that lives for a minute, on loopback
PROMPT = "\n\nHuman: How do I boil an egg?\n\nAssistant:"
REPLIES = (
    ("Eight minutes in boiling water.", "I do not know."),
    ('<b>Five</b> & a half\u2028minutes, "soft"', "=HYPERLINK('x')\n\tsecond line"),
    ("שמונה דקות 🥚", "$prompt"),
    ("Ask a cook.", "Use a pan."),
    ("First, wash it.", "Never."),
)


class Server:
    """A Label Studio on a free port of this machine, stopped and removed at the end."""

    def __init__(self, executable: str, folder: Path, *, seconds: float):
        self.folder, self.deadline = folder, time.monotonic() + seconds
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.log = (folder / "log.txt").open("w+")
        self.process = subprocess.Popen(
            self._command(executable), stdout=self.log, stderr=subprocess.STDOUT, env=self._env()
        )

    def _command(self, executable: str) -> list[str]:
        port = self.url.rpartition(":")[2]
        return [
            *(executable, "start", "--no-browser", "--data-dir", str(self.folder)),
            *("--internal-host", "127.0.0.1", "--port", port, "--enable-legacy-api-token"),
            *("--username", "check@example.org", "--password", "on-loopback-only"),
            *("--user-token", TOKEN),
        ]

    def _env(self) -> dict[str, str]:
        quiet = {"COLLECT_ANALYTICS": "False", "LATEST_VERSION_CHECK": "False", "SENTRY_DSN": ""}
        quiet |= {"LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true", "HOME": str(self.folder)}
        return {**os.environ, **quiet}

    def __enter__(self) -> "Server":
        while time.monotonic() < self.deadline and self.process.poll() is None:
            try:
                self.call("GET", "/api/projects")
                return self
            except (urllib.error.URLError, ConnectionError):
                time.sleep(1)
        tail = self._tail()
        self.__exit__()
        raise SystemExit(f"Label Studio did not start in time:\n{tail}")

    def __exit__(self, *_) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()

    def _tail(self) -> str:
        self.log.seek(0)
        return self.log.read()[-2000:]

    def call(self, method: str, path: str, body: object = None) -> object:
        """One request to the API: its JSON answer."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            content = answer.read()
        return json.loads(content) if content else None


def project_of(server: Server, batch: Batch, folder: Path) -> tuple[str, dict[str, int]]:
    """Make a project from an exported batch: its address, its tasks' numbers by identifier."""
    export_batch(batch, folder)
    config = (folder / CONFIG).read_text(encoding="utf-8")
    about = {"title": batch.kind, "label_config": config, "maximum_annotations": batch.overlap}
    place = f"/api/projects/{server.call('POST', '/api/projects', about)['id']}"
    tasks = json.loads((folder / TASKS).read_text(encoding="utf-8"))
    server.call("POST", f"{place}/import", tasks)
    stored = server.call("GET", f"{place}/{EXPORT}")
    there = {task["data"]["task_id"]: task["data"] for task in stored}
    check(
        there == {task["data"]["task_id"]: task["data"] for task in tasks},
        f"{batch.kind}: {len(tasks)} tasks come back to the letter",
    )
    return place, {task["data"]["task_id"]: task["id"] for task in stored}


def hand_in(server: Server, task: int, result: list[dict], **about: object) -> int:
    """One annotation, as an annotator's browser would send it; its number."""
    body = {"result": result, "lead_time": 7.5, **about}
    return server.call("POST", f"/api/tasks/{task}/annotations/", body)["id"]


def region(name: str, to: str, kind: str, **value: object) -> dict[str, object]:
    """What one control of the form says."""
    return {"from_name": name, "to_name": to, "type": kind, "value": value}


def side(name: str) -> dict[str, object]:
    """The pairwise control: "left" or "right"."""
    return region("choice", "choice", "pairwise", selected=name)


def brought_in(server: Server, place: str, batch: Batch, export: Path, ledger: Ledger) -> str:
    """Export the project into a file and its answers into the ledger: what the import says."""
    export.write_text(json.dumps(server.call("GET", f"{place}/{EXPORT}")), encoding="utf-8")
    report = import_answers(export, batch, ledger, names={1: "ann"})
    check(not report.rows.problems, f"{batch.kind}: every annotation could be read")
    return report.summary().splitlines()[0]


def check_pairs(server: Server, folder: Path) -> None:
    """All that can be said of a comparison, a draft, a skip, and a later change of mind."""
    pairs = pd.DataFrame(REPLIES, columns=["chosen", "rejected"])
    names = [f"p{number}" for number in range(len(pairs))]
    batch = pairs_batch(pairs.assign(pair_id=names, prompt=PROMPT), warning=True)
    place, number = project_of(server, batch, folder / "pairs")
    tasks, ledger = batch.tasks, Ledger(folder / "pairs.jsonl")
    marks = region("harmful", "prompt", "choices", choices=["The right reply is harmful"])
    note = region("comment", "prompt", "textarea", text=["one", "two"])
    first = hand_in(server, number[tasks[0].task_id], [side("left"), marks, note])
    tie = region("otherwise", "prompt", "choices", choices=["They are level"])
    hand_in(server, number[tasks[1].task_id], [tie])
    hand_in(server, number[tasks[2].task_id], [], was_cancelled=True)
    draft = {"result": [side("right")], "lead_time": 1}
    server.call("POST", f"/api/tasks/{number[tasks[3].task_id]}/drafts", draft)
    check(
        brought_in(server, place, batch, folder / "export-pairs.json", ledger)
        == "4 new answers, 2 questions unanswered, 1 drafts, 0 answers replaced by later ones",
        "pairs: a side, a tie, a skip and a draft; two questions open",
    )
    said = {answer.task_id: answer for answer in ledger.standing().counted}
    got = said[tasks[0].task_id]
    right = "second" if tasks[0].left == "first" else "first"
    check(
        (got.annotator, got.choice, got.harmful, got.seconds, got.comment)
        == ("ann", tasks[0].left, (right,), 7.5, "one\ntwo"),
        "pairs: who, which reply, harm, seconds and comment",
    )
    check(said[tasks[1].task_id].choice == "tie", "pairs: a tie is a tie")
    check(said[tasks[2].task_id].status == "skipped", "pairs: cancelled is skipped")
    server.call("PATCH", f"/api/annotations/{first}/", {"result": [side("right")], "lead_time": 9})
    check(
        brought_in(server, place, batch, folder / "export-pairs.json", ledger)
        == "1 new answers, 2 questions unanswered, 1 drafts, 1 answers replaced by later ones",
        "pairs: a changed annotation adds one answer and replaces one",
    )
    votes = votes_of(batch, ledger.read()[0]).set_index("task_id")
    check(votes["choice"][tasks[0].task_id] == right, "pairs: the change counts")


def check_scores(server: Server, folder: Path) -> None:
    """Five ratings of one response, and two of another."""
    batch = scores_batch(["a", "b"], [PROMPT] * 2, list(REPLIES[0]))
    place, number = project_of(server, batch, folder / "scores")
    ledger = Ledger(folder / "scores.jsonl")
    stars = [region(name, "response", "rating", rating=i) for i, name in enumerate(CRITERIA, 1)]
    hand_in(server, number[batch.tasks[0].task_id], stars)
    hand_in(server, number[batch.tasks[1].task_id], stars[:2])
    brought_in(server, place, batch, folder / "export-scores.json", ledger)
    scores = response_scores(batch, ledger.read()[0])
    check(scores["score"].tolist() == [3.0], "scores: five ratings, 1 to 5, have a mean of 3")
    check(len(ledger.standing().drafts) == 1, "scores: two of five are kept as a draft")


def check(holds: bool, what: str) -> None:
    """Say that something holds, or stop."""
    print("ok  " if holds else "NOT ", what)
    if not holds:
        raise SystemExit(1)


def main() -> None:
    """Run all checks; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("executable", nargs="?", default=shutil.which("label-studio"))
    parser.add_argument("--seconds", type=float, default=240, help="to start in, at most")
    parser.add_argument("--keep", type=Path, help="a folder for the exports, to look at")
    options = parser.parse_args()
    if not options.executable:
        raise SystemExit("label-studio is not on PATH: name its executable")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with Server(options.executable, folder, seconds=options.seconds) as server:
            print("Label Studio", server.call("GET", "/api/version")["release"])
            check_pairs(server, folder)
            check_scores(server, folder)
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            for export in folder.glob("export-*.json"):
                shutil.copy(export, options.keep)


if __name__ == "__main__":
    main()
