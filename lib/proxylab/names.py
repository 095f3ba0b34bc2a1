"""Messages for a name that is not known: the nearest known one, and the rest."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ' (did you mean `x`?)' for the known name nearest to `name`, or all that are known."""
    known = sorted(known)
    near = nearest(name, known)
    if near:
        return f" (did you mean `{near}`?)"
    return f" (known: {', '.join(f'`{k}`' for k in known) or 'none'})"


def missing_name(kind: str, wanted: str, present: Iterable[str]) -> str:
    """A message for a name in data that is not there, with the nearest one that is, or all."""
    names = [str(name) for name in present]
    near = nearest(wanted, names)
    hint = f"is {near!r} meant?" if near else f"there are: {', '.join(names) or 'none'}"
    return f"no {kind} {wanted!r}; {hint}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, None where none is like it."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)
