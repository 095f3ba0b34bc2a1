"""Pictures of every page in both themes, and what the browser's console said: for looking at.

Needs Chromium; nothing else in the project does.  Pages are opened from disk, with background
network use switched off, in a profile that is thrown away.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .findings import Finding

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--v=0", "--virtual-time-budget=3000"),
)
THEMES = {"light": 1, "dark": 0}  # values of Blink's PreferredColorScheme
CONSOLE = re.compile(r"CONSOLE[:(]\d+\)?\]\s*(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Picture:
    """One picture of one page, and the console's lines."""

    page: str
    theme: str
    file: Path
    console: tuple[str, ...]


def find_chromium() -> str:
    """Return the browser's program; raise ValueError, saying what to install, if there is none."""
    for name in filter(None, (os.environ.get("CHROMIUM"), *PROGRAMS)):
        if found := shutil.which(name):
            return found
    raise ValueError(
        f"no Chromium (tried {', '.join(PROGRAMS)}); install it or set CHROMIUM to its program"
    )


def take_screenshots(
    site: Path, pages: Iterable[str], out: Path, *, width: int = 1360, height: int = 2000
) -> list[Picture]:
    """Write `out`/<page>-<theme>-<width>.png for every page and return the pictures.

    Width and height are CSS pixels.  Raises ValueError if there is no Chromium, or if it writes
    no picture.
    """
    program = find_chromium()
    out.mkdir(parents=True, exist_ok=True)
    return [
        _picture(program, site, page, theme, out, width, height)
        for page in pages
        for theme in THEMES
    ]


def console_findings(pictures: Iterable[Picture]) -> list[Finding]:
    """Return one finding for each line a page wrote to the browser's console."""
    lines = {(shot.page, line) for shot in pictures for line in shot.console}
    return [Finding(page, "browser console", line) for page, line in sorted(lines)]


def _picture(
    program: str, site: Path, page: str, theme: str, out: Path, width: int, height: int
) -> Picture:
    file = out / f"{page.removesuffix('.html').replace('/', '-')}-{theme}-{width}.png"
    with tempfile.TemporaryDirectory() as profile:
        command = [
            *(program, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"),
            f"--blink-settings=preferredColorScheme={THEMES[theme]}",
            *(f"--screenshot={file.resolve()}", (site / page).resolve().as_uri()),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if not file.is_file():
        raise ValueError(f"{program} wrote no picture of {page}: {done.stderr.strip()[-400:]}")
    return Picture(page, theme, file, tuple(CONSOLE.findall(done.stderr)))
