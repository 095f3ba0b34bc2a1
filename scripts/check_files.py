"""Refuse files that do not belong in git: larger than 1 MB, or holding a private key.

Called by pre-commit with the files of a commit; `make lint` calls it with all tracked files.
"""

import re
import sys
from pathlib import Path

MAX_BYTES = 1_000_000
PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")


def problem(path: Path) -> str | None:
    """Say what is wrong with a file, or return None."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        return f"{path}: {size / 1e6:.1f} MB, and files in git may have {MAX_BYTES / 1e6:.0f} MB"
    if PRIVATE_KEY.search(path.read_bytes()):
        return f"{path}: holds a private key"
    return None


if __name__ == "__main__":
    found = [problem(Path(name)) for name in sys.argv[1:] if Path(name).is_file()]
    sys.exit("\n".join(filter(None, found)) or 0)
