"""Signatures as code: types and defaults as the source writes them, a line each where long."""

import griffe

WIDTH = 76  # characters; a longer signature has one argument a line
MAX_LINES = 14  # of a constant's value
KEYWORD, STAR, STARS = "keyword-only", "variadic positional", "variadic keyword"
POSITIONAL = "positional-only"


def signature(item: griffe.Object, *, name: str | None = None) -> str:
    """A function's or a class's signature, or a constant with its value.

    Arguments: `name` what it is called here, by default its own name.
    """
    name = name or item.name
    if item.is_class:
        return _class(item, name)
    if item.is_function:
        return _call(f"{'async ' if 'async' in item.labels else ''}def {name}", item, item.returns)
    if "property" in item.labels:
        return f"{name}{_annotation(item)}"
    return _constant(item, name)


def one_line(member: griffe.Object, name: str) -> str:
    """A method's signature on one line, without the word that defines it."""
    flat = " ".join(signature(member, name=name).split()).removeprefix("def ")
    return flat.replace("( ", "(").replace(", )", ")").strip()


def is_record(item: griffe.Object) -> bool:
    """Whether a class is a dataclass or a pydantic model: its fields are its signature."""
    if "dataclass" in item.labels:
        return True
    bases = [str(base) for base in item.bases]
    parents = [base for base in item.resolved_bases if base.path.startswith("proxylab.")]
    return "BaseModel" in bases or any(is_record(parent) for parent in parents)


def methods(item: griffe.Object) -> list[griffe.Object]:
    """The public methods and properties that a class itself defines and says something of.

    A method without a docstring does what the one that it overrides says.
    """
    own = [
        member
        for name, member in item.members.items()
        if (not name.startswith("_") or name == "__call__") and not member.is_alias
    ]
    return [
        member
        for member in own
        if member.docstring and (member.is_function or "property" in member.labels)
    ]


def _class(item: griffe.Object, name: str) -> str:
    bases = ", ".join(str(base) for base in item.bases)
    head = f"class {name}({bases})" if bases else f"class {name}"
    if is_record(item):
        fields = [_field(member) for member in _fields(item)]
        return "\n    ".join([f"{head}:", *fields]) if fields else head
    init = item.members.get("__init__")
    return _call(f"class {name}", init, None) if init is not None else head


def _fields(item: griffe.Object) -> list[griffe.Object]:
    return [
        member
        for name, member in item.members.items()
        if member.is_attribute
        and "property" not in member.labels
        and member.annotation is not None
        and not name.startswith("_")
    ]


def _field(member: griffe.Object) -> str:
    value = "" if member.value is None else f" = {member.value}"
    return f"{member.name}{_annotation(member)}{value}"


def _call(head: str, function: griffe.Object, returns) -> str:
    parts = _parameters(function)
    tail = f" -> {returns}" if returns is not None else ""
    line = f"{head}({', '.join(parts)}){tail}"
    if len(line) <= WIDTH or not parts:
        return line
    return "\n".join([f"{head}(", *(f"    {part}," for part in parts), f"){tail}"])


def _parameters(function: griffe.Object) -> list[str]:
    """The parameters as written, with the marks of positional-only and keyword-only ones."""
    found, starred = [], False
    parameters = [p for p in function.parameters if p.name not in ("self", "cls")]
    for parameter in parameters:
        kind = parameter.kind.value
        if kind == KEYWORD and not starred:
            found, starred = [*found, "*"], True
        starred = starred or kind == STAR
        found.append({STAR: "*", STARS: "**"}.get(kind, "") + _parameter(parameter, kind))
    last = [i for i, p in enumerate(parameters) if p.kind.value == POSITIONAL]
    if last:
        found.insert(last[-1] + 1, "/")
    return found


def _parameter(parameter: griffe.Parameter, kind: str) -> str:
    text = parameter.name
    if parameter.annotation is not None:
        text = f"{text}: {parameter.annotation}"
    if parameter.default is None or kind in (STAR, STARS):
        return text
    equals = "=" if parameter.annotation is None else " = "
    return f"{text}{equals}{parameter.default}"


def _constant(item: griffe.Object, name: str) -> str:
    """A constant as the source writes it, its comment included; a long one is cut short."""
    lines = item.lines or [f"{name}{_annotation(item)} = {item.value}"]
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES - 1], f"    ...  # {len(lines) - MAX_LINES + 1} lines more"]
    return "\n".join(lines)


def _annotation(item: griffe.Object) -> str:
    return "" if item.annotation is None else f": {item.annotation}"
