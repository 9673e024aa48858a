"""Templates: `${name}` in texts of a script. Names only; nothing is ever evaluated.

A text that is nothing but `${name}` stands for the value itself, with its type; inside a longer
text the value is written out. `$${` is a literal `${`. `${who.id}` is the id of the user or party
`who`, or of the one that the variable `who` names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from simulator.scenario.errors import TemplateError

MAX_RENDERED = 1024 * 1024
"""The most characters (and, in structures, values) that one template may come to: a record's."""

_MARK = re.compile(r"\$(\$)?\{(?:([^{}]*)\})?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.id)?")


@dataclass(frozen=True, slots=True)
class Name:
    """A place in a template that a value fills; `offset` is where its `${` is in the text."""

    name: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places to fill in; `parts` are literal texts and names, in order."""

    source: str
    parts: tuple[str | Name, ...]

    @property
    def whole(self) -> Name | None:
        """The name, where the text is nothing but `${name}`."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Name):
            return self.parts[0]
        return None

    @property
    def names(self) -> tuple[Name, ...]:
        """All places to fill in, in order."""
        return tuple(part for part in self.parts if isinstance(part, Name))

    def render(self, scope: Mapping[str, object]) -> object:
        """The value with all names filled in from `scope`.

        A value of any type for a text that is nothing but `${name}`, otherwise a str. Raises
        TemplateError for a name that the scope lacks, and for a result over 1 MiB.
        """
        whole = self.whole
        if whole is not None:
            return _look_up(whole, scope)
        pieces = []
        size = 0
        for part in self.parts:
            piece = part if isinstance(part, str) else as_text(_look_up(part, scope))
            size += len(piece)
            if size > MAX_RENDERED:
                raise TemplateError("the text is longer than 1 MiB once its names are filled in")
            pieces.append(piece)
        return "".join(pieces)

    def __str__(self) -> str:
        return self.source


def compile_template(text: str) -> str | Template:
    """The text itself, with `$${` unescaped, or a Template where it has names to fill in.

    Raises TemplateError, with the offset, for a `${` that no name and `}` follow.
    """
    if "${" not in text:
        return text
    parts: list[str | Name] = []
    literal = ""
    end = 0
    for match in _MARK.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        escaped, name = match.groups()
        if escaped:
            literal += "${"
            end = match.start() + len("$${")
            continue
        if name is None or not _NAME.fullmatch(name):
            raise TemplateError(_malformed(name), match.start())
        if literal:
            parts.append(literal)
            literal = ""
        parts.append(Name(name, match.start()))
    literal += text[end:]
    if not parts:
        return literal
    if literal:
        parts.append(literal)
    return Template(text, tuple(parts))


def join_parts(parts: tuple[str | Name, ...]) -> str | Template:
    """A text of these parts: a plain str where no names are among them."""
    merged: list[str | Name] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif part != "":
            merged.append(part)
    if not any(isinstance(part, Name) for part in merged):
        return "".join(str(part) for part in merged)
    source = "".join(
        part.replace("${", "$${") if isinstance(part, str) else f"${{{part.name}}}"
        for part in merged
    )
    return Template(source, tuple(merged))


def render_value(value: object, scope: Mapping[str, object]) -> object:
    """A JSON-like value with every template in it, at any depth, rendered against `scope`.

    Tuples come out as lists and mappings as dicts, ready for a JSON encoder. Raises TemplateError
    like `Template.render`, also when the whole comes to more than MAX_RENDERED characters and
    values.
    """
    if isinstance(value, str):
        return value
    return Renderer(scope).render(value)


def as_text(value: object) -> str:
    """How a value is written inside a longer text: JSON, but strings bare."""
    if isinstance(value, str):
        return value
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


class Renderer:
    """Renders values against one scope, up to MAX_RENDERED characters and values in all."""

    def __init__(self, scope: Mapping[str, object], what: str = "the value is") -> None:
        """`what` is how the message about too much begins."""
        self._scope = scope
        self._what = what
        self._left = MAX_RENDERED

    def render(self, value: object) -> object:
        """As `render_value`; what was rendered before counts, too."""
        if isinstance(value, Template):
            value = value.render(self._scope)
        self._left -= 1 + (len(value) if isinstance(value, str) else 0)
        if self._left < 0:
            raise TemplateError(f"{self._what} larger than 1 MiB once the names are filled in")
        if isinstance(value, Mapping):
            return {key: self.render(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.render(item) for item in value]
        return value


def _look_up(name: Name, scope: Mapping[str, object]) -> object:
    key = name.name
    if key in scope:
        return scope[key]
    owner, dot, _ = key.partition(".")
    if dot and owner in scope:
        indirect = f"{scope[owner]}.id"
        if indirect in scope:
            return scope[indirect]
        raise TemplateError(
            f"${{{key}}}: {scope[owner]!r} is neither a user nor a party", name.offset
        )
    raise TemplateError(f"nothing is called ${{{key}}} here", name.offset)


def _plain(value: object) -> object:
    """JSON's own containers in place of tuples and read-only mappings."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _malformed(name: str | None) -> str:
    if name is None:
        return "'${' opens a name that is never closed; write ${name}, or $${ for a literal ${"
    if name == "":
        return "'${}' names nothing; write ${name}"
    return f"{name[:60]!r} is not a name; ${{...}} takes a plain name, no expressions"
