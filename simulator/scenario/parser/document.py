"""A whole script: its top-level keys, what includes add, and how it all becomes a `Script`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath
from typing import Any, TypeVar

from simulator.catalog import Catalog
from simulator.scenario.durations import parse_instant
from simulator.scenario.errors import DurationError, Problem, ScriptError
from simulator.scenario.includes import IncludeResolver
from simulator.scenario.parser.context import Abandoned, Context, Rejected, State, suggestion
from simulator.scenario.parser.declarations import (
    BUILT_IN_CORPORA,
    CORPORA,
    VARIABLES,
    built_in_corpus,
    in_order,
    names_in,
    templates_in,
)
from simulator.scenario.parser.expectations import EXPECTATIONS
from simulator.scenario.parser.kinds import Choice, Integer, Kind, Literal, NameKind, Schema
from simulator.scenario.parser.people import PartiesKind, UsersKind
from simulator.scenario.parser.records import Field, MapOf, Record
from simulator.scenario.parser.service import ServiceKind
from simulator.scenario.parser.sources import INCLUDES, Part, Sources
from simulator.scenario.parser.steps import STEP_LIST
from simulator.scenario.parser.vocabulary import Vocabulary
from simulator.scenario.script import Party, Script, ServiceSettings, User
from simulator.scenario.yaml_nodes import MapNode, Node

T = TypeVar("T")

MAX_REPORTED = 50


class _Instant(Kind[int]):
    """An RFC 3339 date-time, in nanoseconds since the Unix epoch."""

    def _read(self, node: Node, context: Context) -> int:
        text = Literal().read(node, context)
        try:
            return parse_instant(text)
        except DurationError as error:
            raise context.reject(node, str(error)) from None

    def _schema(self) -> Schema:
        return {
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}"
            r"(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
        }


_USERS = UsersKind()
_PARTIES = PartiesKind()
_SERVICE = ServiceKind()
_BLOCK_NAME = NameKind()
_BLOCKS = MapOf(STEP_LIST, "a mapping {name: [steps]}", _BLOCK_NAME)

_HEADER: dict[str, Field] = {
    "name": Field(Literal(verbatim=True), "The story's name."),
    "description": Field(Literal(verbatim=True), "What it tells, in a sentence."),
    "seed": Field(Integer(), "Where all chance comes from; the caller's seed goes first."),
    "start": Field(_Instant(), "When it begins: an RFC 3339 time. Default: the clock's."),
    "namespace": Field(Literal(), "The envelope's namespace. Default: game."),
    "parent_namespace": Field(Literal(), "The envelope's parentNamespace. Default: none."),
    "client_id": Field(Literal(), "The envelope's clientId. Default: game-client."),
    "ids": Field(Choice("dashed", "compact"), "How ids are written. Default: dashed."),
    "timestamps": Field(
        Choice("seconds", "milliseconds", "nanoseconds"),
        "The digits of timestamps. Default: milliseconds.",
    ),
}

FIELDS: dict[str, Field] = {
    **_HEADER,
    "include": Field(INCLUDES, "Files whose users, parties and so on are added."),
    "variables": Field(VARIABLES, "Values for templates; the caller can set them."),
    "users": Field(_USERS, "Who is in the story."),
    "parties": Field(_PARTIES, "Groups of users."),
    "corpora": Field(CORPORA, "Named lists of texts to draw from."),
    "blocks": Field(_BLOCKS, "Named lists of steps for `use`."),
    "service": Field(_SERVICE, "Settings of the simulated chat service."),
    "steps": Field(STEP_LIST, "What happens, one after the other.", required=True),
    "expect": Field(EXPECTATIONS, "What must have happened in the end."),
}
"""All keys of a script."""

SCRIPT = Record("a script", FIELDS)
FRAGMENT = Record("a script", {key: replace(f, required=False) for key, f in FIELDS.items()})


def read_script(
    text: str | bytes,
    file: str,
    resolver: IncludeResolver,
    catalog: Catalog | None,
    *,
    fragment: bool = False,
) -> Script:
    """The script in a text; raises ScriptError with all that is wrong with it.

    A `fragment` needs no steps. See `parse_script` for the rest.
    """
    context = Context(State(Vocabulary(catalog, suggestion)))
    sources = Sources(resolver, context)
    script = None
    try:
        parts = sources.collect(text, file)
        if parts and parts[-1].file == file:
            script = _Document(parts, context, fragment=fragment).read()
    except (Abandoned, Rejected):
        pass
    problems = context.state.problems
    if problems or script is None:
        ordered = _in_order(problems, sources.files)
        raise ScriptError(ordered[:MAX_REPORTED], max(0, len(ordered) - MAX_REPORTED))
    return replace(script, warnings=tuple(_in_order(context.state.warnings, sources.files)))


def _in_order(problems: list[Problem], files: list[str]) -> list[Problem]:
    place_of = {file: place for place, file in enumerate(files)}

    def place(problem: Problem) -> tuple[int, int, int]:
        position = problem.position
        return place_of.get(position.file, len(files)), position.line, position.column

    return sorted(problems, key=place)


class _Document:
    """Puts the parts of one script together."""

    def __init__(self, parts: list[Part], context: Context, *, fragment: bool) -> None:
        self._parts = parts
        self._context = context
        self._state = context.state
        self._fragment = fragment

    def read(self) -> Script:
        """The script; raises Rejected where its header cannot be read."""
        *included, main = self._parts
        for part in included:
            FRAGMENT.check_keys(part.root, self._context)
        (FRAGMENT if self._fragment else SCRIPT).check_keys(main.root, self._context)
        self._declare()
        header: dict[str, Any] = {
            key: self._read(field.kind, main.root.get(key), self._context)
            for key, field in _HEADER.items()
            if main.root.get(key) is not None
        }
        steps = self._read(STEP_LIST, main.root.get("steps"), self._context)
        expectations = self._read(EXPECTATIONS, main.root.get("expect"), self._context)
        self._check_unused_blocks()
        for check in self._state.afterwards:
            check()
        if self._state.problems:
            raise Rejected
        file = PurePath(main.file)
        name = file.stem if file.suffix in (".yaml", ".yml") else "script"
        return Script(
            **{"name": name, **header},
            file=main.file,
            steps=steps or (),
            service=self._service,
            users=self._state.users,
            parties=self._state.parties,
            variables=self._state.variables,
            corpora=self._state.corpora,
            expectations=expectations or (),
        )

    def _declare(self) -> None:
        """Merge what all parts declare; later parts, the script itself last, go first."""
        state = self._state
        names: dict[str, tuple[object, ...] | None] = {"seed": None}
        variables = self._merged_nodes("variables")
        self._context = self._context.with_names({**names, **dict.fromkeys(variables)})
        self._merge("users", _USERS, state.users, User)
        self._merge("parties", _PARTIES, state.parties, lambda name: Party(name, ()))
        self._check_twins()
        self._merge("variables", VARIABLES, state.variables, lambda name: None)
        state.variables = in_order(state.variables, variables, self._context)
        state.corpora.update({name: built_in_corpus(name) for name in BUILT_IN_CORPORA})
        self._merge("corpora", CORPORA, state.corpora, lambda name: ())
        self._declare_blocks()
        settings: dict[str, Any] = {}
        self._merge("service", _SERVICE, settings, lambda name: None, keep=False)
        self._service = ServiceSettings(**settings)
        names["now"] = None
        for name, value in state.variables.items():
            names[name] = None if any(templates_in(value)) else (value,)
        self._context = self._context.with_names(names)

    def _merge(
        self,
        key: str,
        kind: Kind[dict[str, T]],
        into: dict[str, T],
        substitute: Callable[[str], T],
        *,
        keep: bool = True,
    ) -> None:
        """Add what each part has under a key.

        Where that cannot be read, its names are declared all the same if `keep` says so: one
        mistake is enough, without an unknown name wherever it is used.
        """
        for part in self._parts:
            node = part.root.get(key)
            if node is None:
                continue
            try:
                into.update(kind.read(node, self._context))
            except Rejected:
                if keep:
                    into.update({name: substitute(name) for name in names_in(node)})

    def _merged_nodes(self, key: str) -> dict[str, Node]:
        """What all parts declare under a key, unread."""
        found: dict[str, Node] = {}
        for part in self._parts:
            node = part.root.get(key)
            if isinstance(node, MapNode):
                found.update({entry.key.text: entry.key for entry in node.entries})
        return found

    def _check_twins(self) -> None:
        """`x.id` must mean one thing, and an id one user or party."""
        users, parties = self._state.users, self._state.parties
        places = self._merged_nodes("parties")
        for name in sorted(users.keys() & parties.keys() & places.keys()):
            self._context.reject(places[name], f"'{name}' is a user already; rename the party")
        places = self._merged_nodes("users") | places
        owners: dict[str, str] = {}
        actors: list[User | Party] = [*users.values(), *parties.values()]
        for actor in actors:
            if actor.id is not None:
                owner = owners.setdefault(actor.id.replace("-", "").lower(), actor.name)
                if owner != actor.name:
                    self._context.reject(
                        places[actor.name], f"'{actor.name}' has the same id as '{owner}'"
                    )

    def _declare_blocks(self) -> None:
        for part in self._parts:
            node = part.root.get("blocks")
            if node is None:
                continue
            if not isinstance(node, MapNode):
                self._context.expected("a mapping {name: [steps]}", node)
                continue
            for key, value in node.entries:
                self._state.blocks[key.text] = value
                try:
                    _BLOCK_NAME.check(key, self._context)
                except Rejected:
                    continue

    def _check_unused_blocks(self) -> None:
        """Find mistakes in blocks that no step uses, as far as can be told without their values."""
        loose = replace(self._context, loose=True)
        for name, block in self._state.blocks.items():
            if name not in self._state.used_blocks:
                self._read(STEP_LIST, block, replace(loose, blocks=(name,)))

    def _read(self, kind: Kind[T], node: Node | None, context: Context) -> T | None:
        if node is None:
            return None
        try:
            return kind.read(node, context)
        except Rejected:
            return None
