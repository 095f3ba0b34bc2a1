"""What a page does about a result that nobody has run yet: say what to run, and go on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from IPython.display import Markdown, display

PLAIN = (bool, int, float, str)


class MissingResults(LookupError):
    """No finished run fits; `command` is what would make one."""

    def __init__(
        self, notebook: str, *, profile: str | None = None, where: Mapping[str, Any] | None = None
    ) -> None:
        self.notebook = notebook
        self.command = run_command(notebook, profile=profile, where=where)
        self.batch = f"make site PROFILE={profile}" if profile else "make site"
        of_profile = f" in profile {profile}" if profile else ""
        conditions = f" with {_in_words(where)}" if where else ""
        super().__init__(
            f"no finished run of {notebook}{of_profile}{conditions}: run `{self.command}`, "
            f"or the whole batch with `{self.batch}`"
        )


def run_command(
    notebook: str, *, profile: str | None = None, where: Mapping[str, Any] | None = None
) -> str:
    """Return the command that runs a notebook with these parameters, from the project's folder."""
    wanted = {"profile": profile} if profile else {}
    wanted |= {name: value for name, value in (where or {}).items() if isinstance(value, PLAIN)}
    options = "".join(f" -p {name} {value}" for name, value in wanted.items())
    return f"python -m proxylab run notebooks/runs/{notebook}.ipynb{options}"


@contextmanager
def callout_if_missing() -> Iterator[None]:
    """Show a callout in place of a cell's remaining output where a result is missing."""
    try:
        yield
    except MissingResults as error:
        display(Markdown(missing_callout(error)))


def missing_callout(error: MissingResults) -> str:
    """Return the callout's Markdown, read alike by Quarto and by the preview renderer."""
    return (
        "::: {.callout-note}\n## Not run yet\n\n"
        f"These numbers come from the run notebook `{error.notebook}`, which has no finished run "
        f"here. From the project's folder:\n\n```\n{error.command}\n```\n\n"
        f"or the whole batch: `{error.batch}`. Runs on real data also need its folder: "
        "`DATA=folder` for make, `PROXYLAB_DATA=folder` before the command.\n:::\n"
    )


def _in_words(where: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} = {value}" if not callable(value) else f"{name} as asked"
        for name, value in where.items()
    )
