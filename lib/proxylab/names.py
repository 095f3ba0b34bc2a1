"""Messages for a name that is not known: the nearest known one, and the rest."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ' (did you mean `x`?)' for the known name nearest to `name`, or all that are known."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f" (did you mean `{near[0]}`?)"
    return f" (known: {', '.join(f'`{k}`' for k in known) or 'none'})"
