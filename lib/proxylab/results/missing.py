"""What a page does about a result that nobody has run yet: say what would make it, and go on.

Which runs a batch makes is read from the profiles: the batch is named only where it would make
the missing run, and another profile's where only that one would.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from IPython.display import Markdown, display

from proxylab.environment import project_root
from proxylab.parameters import check_parameters, model_for
from proxylab.results.identity import parameter_values, run_id

PLAIN = (bool, int, float, str)
WORLD = "world"  # what `data` or `votes` name where no folder of real data is read
OF_FILES = ("measure_agreement", "measure_scores")  # these read that folder whatever they are given
DEFAULT = "cpu"
NO_NUMBERS = "smoke"  # this profile's batch tests the machinery; no missing number comes from it


class MissingResults(LookupError):
    """No finished run fits; `command` is what would make one."""

    def __init__(
        self, notebook: str, *, profile: str | None = None, where: Mapping[str, Any] | None = None
    ) -> None:
        self.notebook, self.profile, self.where = notebook, profile, dict(where or {})
        self.command = run_command(notebook, profile=profile, where=where)
        super().__init__(notebook, profile, where)

    def __str__(self) -> str:
        """What is missing and what would make it; the profiles are read only when it is shown."""
        of_profile = f" in profile {self.profile}" if self.profile else ""
        conditions = f" with {_in_words(self.where)}" if self.where else ""
        lacking = f"no finished run of {self.notebook}{of_profile}{conditions}"
        return f"{lacking}: run `{self.command}`. {self.batch_sentence}"

    @property
    def batch_sentence(self) -> str:
        """Which batch makes such a run too: this profile's, else that of the first that does."""
        own, known = self.profile or DEFAULT, _profiles()
        if own not in known:  # nothing can be said of a plan that is not there
            return f"Or the whole batch: `{batch_command(own)}`."
        if command := self._batch_of(own, self.where):
            return f"Or the whole batch: `{command}`."
        elsewhere = {"data": WORLD} | self.where  # what the command means where it names no data
        for name in known:
            if name not in (own, NO_NUMBERS) and (command := self._batch_of(name, elsewhere)):
                lacks = f"The batch of profile `{own}` has no such run"
                return f"{lacks}; that of `{name}` has: `{command}`."
        return "No batch has such a run."

    def _batch_of(self, profile: str, where: Mapping[str, Any]) -> str:
        """The command of a profile's batch, with real data only if it must; empty if no use."""
        for with_data in (False, True):
            if any(run.fits(self.notebook, where) for run in planned(profile, with_data=with_data)):
                return batch_command(profile, with_data=with_data)
        return ""


@dataclass(frozen=True)
class Planned:
    """One run of a profile's batch: its notebook, its name in the run store, all parameters."""

    notebook: str
    run_id: str
    parameters: Mapping[str, Any]

    def fits(self, notebook: str, where: Mapping[str, Any]) -> bool:
        """Whether it is a run of this notebook that meets the conditions on parameters it has."""
        known = [name for name in where if name in self.parameters]
        return self.notebook == notebook and all(
            _fits(self.parameters[name], where[name]) for name in known
        )


def planned(profile: str, *, with_data: bool, root: Path | None = None) -> tuple[Planned, ...]:
    """The runs that the batch of a profile makes, in order; those on real data only `with_data`.

    Raises ProfileError where there is no such profile.
    """
    return _planned(profile, with_data, root or project_root())


@cache
def _planned(profile: str, with_data: bool, root: Path) -> tuple[Planned, ...]:
    from proxylab.profiles import load_profile  # whoever misses nothing is spared the import

    found = []
    for notebook, values in load_profile(profile, root=root).planned_runs(with_data=with_data):
        parameters = check_parameters(model_for(notebook), values)
        found.append(Planned(notebook, run_id(parameters), parameter_values(parameters)))
    return tuple(found)


def batch_command(profile: str, *, with_data: bool = False, goal: str = "site") -> str:
    """The command of a profile's whole batch, as `make site PROFILE=cpu DATA=folder`."""
    return f"make {goal} PROFILE={profile}{' DATA=folder' if with_data else ''}"


def run_command(
    notebook: str, *, profile: str | None = None, where: Mapping[str, Any] | None = None
) -> str:
    """Return the command that runs a notebook with these parameters, from the project's folder.

    A run on real data names their folder first.
    """
    wanted = {"profile": profile} if profile else {}
    wanted |= {name: value for name, value in (where or {}).items() if isinstance(value, PLAIN)}
    options = "".join(f" -p {name} {value}" for name, value in wanted.items())
    folder = "PROXYLAB_DATA=folder " if reads_folder(notebook, wanted) else ""
    return f"{folder}python -m proxylab run notebooks/runs/{notebook}.ipynb{options}"


def reads_folder(notebook: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a run with these parameters reads the folder of real data."""
    named = {parameters.get(name, WORLD) for name in ("data", "votes")}
    return notebook in OF_FILES or named != {WORLD}


@contextmanager
def callout_if_missing() -> Iterator[None]:
    """Show a callout in place of a cell's remaining output where a result is missing."""
    try:
        yield
    except MissingResults as error:
        display(Markdown(missing_callout(error)))


def missing_callout(error: MissingResults) -> str:
    """Return the callout's Markdown, read alike by Quarto and by the preview renderer."""
    batch = error.batch_sentence
    named = "=folder" in error.command + batch
    folder = "`folder` is that of the real data; data/README.md describes it.\n" if named else ""
    return (
        "::: {.callout-note}\n## Not run yet\n\n"
        f"These numbers come from the run notebook `{error.notebook}`, which has no such finished "
        f"run here. From the project's folder:\n\n```\n{error.command}\n```\n\n"
        f"{batch} {folder}\n:::\n"
    )


def _profiles() -> list[str]:
    """The profiles that there are, by name."""
    return sorted(path.stem for path in (project_root() / "profiles").glob("*.yaml"))


def _fits(value: Any, wanted: Any) -> bool:
    """Whether a planned parameter is what `load_runs` was asked for."""
    if callable(wanted):
        return bool(wanted(value))
    if isinstance(wanted, list | tuple | set | frozenset | range):
        return value in wanted or value == list(wanted)
    return value == wanted


def _in_words(where: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} = {value}" if not callable(value) else f"{name} as asked"
        for name, value in where.items()
    )
