"""YAML text to a tree of nodes with places: safe, bounded, and YAML 1.2's idea of plain values.

PyYAML parses (libyaml where it is at hand, else its Python parser; they differ only in tabs between
words, which the latter refuses) and delivers events, from which the tree is built here without
recursion. That bounds nesting and the expansion of aliases while reading, so that a hostile text
costs no more than a long one. Of YAML this takes what a script needs: one document; no tags; no
merge keys; keys that are single values. Plain values follow the core schema of YAML 1.2.2 (section
10.3.2), so `yes`, `off` and dates are texts; what JSON has no form for (`.inf`, `.nan`) is refused.
"""

from __future__ import annotations

import re
from dataclasses import replace
from math import isfinite
from typing import Any

import yaml

from simulator.catalog import core_schema
from simulator.scenario.errors import Problem
from simulator.scenario.script import Position
from simulator.scenario.wording import quoted, shorten
from simulator.scenario.yaml_errors import BAD_ESCAPE, in_plain_words
from simulator.scenario.yaml_nodes import (
    Entry,
    ListNode,
    MapNode,
    Node,
    Plain,
    ScalarNode,
)

MAX_BYTES = 1024 * 1024
"""The longest script."""

MAX_DEPTH = 64
"""The deepest nesting of lists and mappings."""

MAX_NODES = 100_000
"""The most values of a script, aliases expanded."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_INT = re.compile(core_schema.INTEGER)
_FLOAT = re.compile(core_schema.REAL)
_NOT_JSON = re.compile(core_schema.NO_JSON_NUMBER)
_CONSTANTS: dict[str, Plain] = {
    **dict.fromkeys(core_schema.NULLS),
    **dict.fromkeys(core_schema.TRUE, True),
    **dict.fromkeys(core_schema.FALSE, False),
}
_INT_RANGE = range(-(2**63), 2**64)
_MAX_DIGITS = 64
_TOO_DEEP = f"lists and mappings are nested more than {MAX_DEPTH} deep"


class _YamlProblem(Exception):
    """The text cannot be read on from here."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.place = (line, column)


def read_yaml(
    source: str | bytes, file: str, *, loader: Any = None
) -> tuple[Node | None, list[Problem]]:
    """The tree of a document and what is wrong with it, in the order of the text.

    The tree is None where the text is not YAML at all or exceeds a bound; otherwise it is complete
    and the problems (a duplicate key, a tag) are about single nodes. `loader` is a PyYAML loader
    class, by default the quickest one at hand.
    """
    try:
        text = _decoded(source)
        composer = _Composer(file)
        root = composer.compose(text, loader or _LOADER)
    except _YamlProblem as problem:
        return None, [Problem(Position(file, *problem.place), str(problem))]
    return root, composer.problems


def _decoded(source: str | bytes) -> str:
    """The text of a file; refuses what is too long, is not UTF-8 or has control characters."""
    if len(source) > MAX_BYTES:
        raise _YamlProblem(1, 1, f"the script is longer than {MAX_BYTES // 1024} KiB")
    if isinstance(source, bytes):
        try:
            text = source.decode("utf-8")
        except UnicodeDecodeError as error:
            before = source[: error.start].decode("utf-8")
            message = f"the byte 0x{source[error.start]:02x} is not UTF-8; save the file as UTF-8"
            if source[:2] in (b"\xff\xfe", b"\xfe\xff"):
                message = "the file is UTF-16; save it as UTF-8"
            raise _YamlProblem(*_place(before, len(before)), message) from None
    else:
        text = source
    text = text.removeprefix("\ufeff")
    forbidden = _FORBIDDEN.search(text)
    if forbidden:
        code = ord(forbidden.group())
        escape = f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}"
        raise _YamlProblem(
            *_place(text, forbidden.start()),
            f'the character U+{code:04X} cannot stand in a script; write "{escape}" in quotes',
        )
    return text


def _place(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, from 1."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


class _Open:
    """A list or mapping whose end has not been reached."""

    __slots__ = ("anchor", "children", "column", "height", "is_map", "line", "size")

    def __init__(self, event: Any) -> None:
        self.is_map = isinstance(event, yaml.MappingStartEvent)
        self.line = event.start_mark.line + 1
        self.column = event.start_mark.column + 1
        self.anchor: str | None = event.anchor
        self.children: list[Node] = []
        self.size = 1
        self.height = 1


class _Composer:
    """Builds nodes from parse events, with an explicit stack of the open collections."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node | _Open] = {}
        self._root: Node | None = None
        self._total = 0

    def compose(self, text: str, loader_class: Any) -> Node:
        loader = loader_class(text)
        reached = (1, 1)
        try:
            while loader.check_event():
                event = loader.get_event()
                reached = _start(event)
                self._take(event)
        except yaml.MarkedYAMLError as error:
            line, column, message = in_plain_words(error, text)
            raise _YamlProblem(line, column, message) from None
        except (ValueError, OverflowError):
            # PyYAML's own parser lets chr() complain about "\\UFFFFFFFF".
            raise _YamlProblem(*reached, BAD_ESCAPE) from None
        finally:
            loader.dispose()
        if self._root is None:
            raise _YamlProblem(1, 1, "the script is empty; at least it needs 'steps:'")
        return self._root

    def _take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._check_tag(event)
            scalar = self._scalar(event)
            if event.anchor is not None:
                self._anchors[event.anchor] = scalar
            self._attach(scalar, added=1)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._check_tag(event)
            self._open(event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._attach_alias(event)
        elif isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
            raise _YamlProblem(
                *_start(event), "a second document starts here; a script is one document"
            )

    def _open(self, event: Any) -> None:
        opened = _Open(event)
        if len(self._stack) >= MAX_DEPTH:
            raise _YamlProblem(opened.line, opened.column, _TOO_DEEP)
        if opened.anchor is not None:
            self._anchors[opened.anchor] = opened
        self._stack.append(opened)

    def _close(self) -> None:
        opened = self._stack.pop()
        place = (self._file, opened.line, opened.column, opened.size, opened.height)
        node: Node
        if opened.is_map:
            node = MapNode(*place, self._entries(opened.children))
        else:
            node = ListNode(*place, tuple(opened.children))
        if opened.anchor is not None and self._anchors.get(opened.anchor) is opened:
            self._anchors[opened.anchor] = node
        self._attach(node, added=1)

    def _attach_alias(self, event: Any) -> None:
        place = _start(event)
        target = self._anchors.get(event.anchor)
        if target is None:
            raise _YamlProblem(
                *place, f"no anchor &{shorten(event.anchor)} comes before this alias"
            )
        if isinstance(target, _Open):
            raise _YamlProblem(*place, f"the alias *{shorten(event.anchor)} contains itself")
        if len(self._stack) + target.height > MAX_DEPTH:
            raise _YamlProblem(*place, _TOO_DEEP)
        if self._total + target.size > MAX_NODES:
            raise _YamlProblem(*place, f"aliases blow this script up to over {MAX_NODES} values")
        self._attach(target, added=target.size)

    def _attach(self, node: Node, *, added: int) -> None:
        """Hang a node into the innermost open collection; `added` nodes are new in the count."""
        self._total += added
        if self._total > MAX_NODES:
            raise _YamlProblem(
                node.line, node.column, f"the script has more than {MAX_NODES} values"
            )
        if not self._stack:
            self._root = node
            return
        parent = self._stack[-1]
        parent.children.append(node)
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)

    def _entries(self, children: list[Node]) -> tuple[Entry, ...]:
        """Keys and values in pairs; keys that cannot be are reported and left out."""
        entries: dict[str, Entry] = {}
        for key, value in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key, ScalarNode):
                self._report(key, "a key must be a single value, not a list or a mapping")
            elif key.text == "<<" and not key.quoted:
                self._report(key, "merge keys (<<) are not supported; write the keys out")
            elif key.text == "" and not key.quoted:
                self._report(key, "a key is missing before this ':'")
            elif key.text in entries:
                first = entries[key.text].key
                self._report(
                    key, f"{quoted(key.text)} is here twice; the first is in line {first.line}"
                )
            else:
                entries[key.text] = Entry(key, value)
        return tuple(entries.values())

    def _scalar(self, event: Any) -> ScalarNode:
        start, end = event.start_mark, event.end_mark
        text: str = event.value
        quoted = not event.implicit[0]
        inset = None
        # Offsets in the text are columns only where nothing is folded, escaped or in front of it.
        width = end.column - start.column
        if start.line == end.line and width == len(text) + (2 if quoted else 0):
            inset = 1 if quoted else 0
        node = ScalarNode(
            self._file, start.line + 1, start.column + 1, 1, 0, text, text, quoted, inset
        )
        if quoted:
            if _SURROGATE.search(text):  # libyaml does not let them pass
                raise _YamlProblem(node.line, node.column, BAD_ESCAPE)
            return node
        try:
            value = _plain_value(text)
        except ValueError as error:
            self._report(node, str(error))
            return node
        return replace(node, value=value) if value is not text else node

    def _check_tag(self, event: Any) -> None:
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            position = Position(self._file, *_start(event))
            self.problems.append(
                Problem(position, f"tags are not supported; leave out {quoted(tag)}")
            )

    def _report(self, node: Node, message: str) -> None:
        self.problems.append(Problem(node.at, message))


def _start(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _plain_value(text: str) -> Plain:
    """The value of an unquoted text; raises ValueError for a number that JSON cannot carry."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if not text[0].isdigit() and text[0] not in "+-.":
        return text
    if _INT.fullmatch(text):
        number = core_schema.integer(text) if len(text) <= _MAX_DIGITS else _INT_RANGE.stop
        if number not in _INT_RANGE:
            raise ValueError(f"{shorten(text)} does not fit into 64 bits; put it in quotes")
        return number
    if _FLOAT.fullmatch(text):
        real = float(text)
        if not isfinite(real):
            raise ValueError(f"{shorten(text)} is too large for a number; put it in quotes")
        return real
    if _NOT_JSON.fullmatch(text):
        raise ValueError(f"{text} has no form in JSON; put it in quotes")
    return text
