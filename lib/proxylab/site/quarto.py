"""Rendering with Quarto, where it is installed; its log decides, not its exit status.

Quarto ends with status 0 when a cross-reference or a citation has no target: those are lines in
its log, and here they are findings.  Quarto never executes a notebook (`execute: enabled: false`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .findings import Finding, SiteError

OLDEST = (1, 7)  # the first with `renderings` and `respect-user-color-scheme`
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
PAGE_LINE = re.compile(r"^\[\s*\d+/\d+\]\s+(?P<page>\S+)")
FAULTS = re.compile(
    r"Unable to resolve (?:crossref|link)|[Cc]iteproc|cell-output-display for renderings"
    r"|Could not convert TeX math|Could not fetch resource"
)


@dataclass(frozen=True)
class Quarto:
    """An installed Quarto: its program and its version."""

    program: str
    version: tuple[int, ...]

    @property
    def name(self) -> str:
        """For example `Quarto 1.9.2`."""
        return "Quarto " + ".".join(map(str, self.version))


def find_quarto() -> tuple[Quarto | None, str]:
    """Return (Quarto or None, a sentence why): looks on PATH and beside this Python."""
    beside = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
    program = shutil.which("quarto", path=beside)
    if program is None:
        return None, "Quarto is not installed (`pip install quarto-cli` installs it)"
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"the Quarto found on this machine does not run: {error}"
    version = tuple(int(part) for part in re.findall(r"\d+", done.stdout)[:3])
    if version < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        return None, f"Quarto {done.stdout.strip()} is older than {wanted}"
    return Quarto(program, version), f"Quarto {done.stdout.strip()} is installed"


def render_quarto(quarto: Quarto, folder: Path, site: Path, *, output_dir: str) -> None:
    """Render the staging folder into `site`, replacing it.

    Raises SiteError with Quarto's own message if it fails, or with one finding for each reference
    or citation that its log says was not resolved.
    """
    command = [quarto.program, "render", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    log = ANSI.sub("", done.stdout + "\n" + done.stderr)
    if done.returncode:
        tail = "\n  ".join(log.strip().splitlines()[-15:])
        raise SiteError(f"{quarto.name} failed (status {done.returncode}):\n  {tail}")
    findings = log_findings(log)
    if findings:
        raise SiteError(f"{quarto.name} left references unresolved:", findings)
    shutil.rmtree(site, ignore_errors=True)
    shutil.move(folder / output_dir, site)


def log_findings(log: str) -> list[Finding]:
    """Return the faults in a render log, each with the page that was being rendered."""
    page, found = "(project)", []
    for line in ANSI.sub("", log).splitlines():
        if match := PAGE_LINE.match(line.strip()):
            page = match["page"]
        elif FAULTS.search(line):
            found.append(Finding(page, "Quarto's log", line.strip()))
    return found
