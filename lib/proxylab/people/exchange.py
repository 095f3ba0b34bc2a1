"""A batch out to people, and their files back into the ledger.

The folder that goes out holds the instructions and the questions as a Label Studio project, as CSV
and as JSON lines; nothing in it tells which reply was recorded as chosen, who selected, in which
round, or what an attention item expects. The batch itself stays with whoever asks. Left out:
sending the folder.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proxylab.people.answers import DRAFT
from proxylab.people.instructions import instructions
from proxylab.people.label_studio import label_studio_tasks, labelling_config, read_label_studio
from proxylab.people.ledger import Ledger
from proxylab.people.make import assign
from proxylab.people.tables import blank_rows, read_table, write_table
from proxylab.people.tasks import Batch
from proxylab.preferences.export import write_bytes
from proxylab.preferences.schema import ReadReport

CONFIG, TASKS = "label_studio.xml", "label_studio_tasks.json"
FORMATS = (".csv", ".jsonl")


@dataclass(frozen=True)
class ImportReport:
    """What one file brought.

    rows: read, kept and left out, with file and line. n_new: answers that the ledger did not have.
    n_unanswered: questions of the file that nobody answered. n_drafts: not handed in. n_replaced:
    answers in the ledger, and not before, that a later one of the same person replaces.
    """

    rows: ReadReport
    n_new: int
    n_unanswered: int
    n_drafts: int
    n_replaced: int

    def summary(self) -> str:
        """Counts in one line, then the first few problems with file and line."""
        head = (
            f"{self.n_new:,} new answers, {self.n_unanswered:,} questions unanswered, "
            f"{self.n_drafts:,} drafts, {self.n_replaced:,} answers replaced by later ones"
        )
        return f"{head}\n{self.rows.summary()}"


def export_batch(batch: Batch, folder: str | Path, *, annotators: Sequence[str] = ()) -> list[Path]:
    """Write everything that annotators need into a folder; returns the paths.

    Files: instructions.md; label_studio.xml and label_studio_tasks.json; tasks.csv and
    tasks.jsonl, or with `annotators` tasks-<name>.csv and .jsonl with each one's share (`assign`).
    In Label Studio, set the project's annotations per task to the batch's overlap.
    Raises ValueError as `assign` does, and for a name that cannot be part of a file's.
    """
    folder = Path(folder)
    content = {
        "instructions.md": instructions(batch.kind, warning=batch.warning),
        CONFIG: labelling_config(batch.kind, warning=batch.warning),
        TASKS: json.dumps(label_studio_tasks(batch.tasks), indent=1),
    }
    written = []
    for name, text in content.items():
        write_bytes(folder / name, text.encode())
        written.append(folder / name)
    shares = assign(batch, annotators) if annotators else {"": batch.tasks}
    for name, tasks in shares.items():
        rows, stem = blank_rows(tasks, batch.kind, name), f"tasks-{_file_name(name)}"
        stem = stem if name else "tasks"
        written += [write_table(rows, folder / f"{stem}{suffix}") for suffix in FORMATS]
    return written


def import_answers(
    path: str | Path,
    batch: Batch,
    ledger: Ledger,
    *,
    annotator: str | None = None,
    names: Mapping[int, str] | None = None,
) -> ImportReport:
    """Bring the answers of one file into the ledger: Label Studio's JSON export, CSV, JSON lines.

    Importing a file again, or a later state of it, adds what is new. Where one person answered a
    question twice, the later answer counts and both are kept (`answers.standing`).
    Arguments: `annotator` who filled in a table that does not say; `names` of Label Studio's users
    by number. Raises PreferenceError as `read_table` and `read_label_studio` do.
    """
    path = Path(path)
    if path.suffix == ".json":
        answers, n_unanswered, rows = read_label_studio(path, batch, names=names)
    else:
        answers, n_unanswered, rows = read_table(path, batch, annotator=annotator)
    before = len(ledger.standing().replaced)
    n_new = ledger.add(answers)
    return ImportReport(
        rows=rows,
        n_new=n_new,
        n_unanswered=n_unanswered,
        n_drafts=sum(answer.status == DRAFT for answer in answers),
        n_replaced=len(ledger.standing().replaced) - before,
    )


def _file_name(name: str) -> str:
    if any(letter in name for letter in '/\\:*?"<>|\0') or name.startswith("."):
        raise ValueError(f"the annotator's name {name!r} cannot be part of a file's name")
    return name
