"""Users, parties, and who a step is about."""

from __future__ import annotations

from collections.abc import Collection

from simulator.scenario.identity import is_uuid
from simulator.scenario.parser.context import Context, suggestion
from simulator.scenario.parser.kinds import (
    TEXT,
    Kind,
    Literal,
    NameKind,
    Schema,
    alternatives,
    read_all,
)
from simulator.scenario.parser.records import Field, ListOf, MapOf, Record, Short
from simulator.scenario.script import Party, Text, User, Who
from simulator.scenario.templates import Template
from simulator.scenario.wording import quoted
from simulator.scenario.yaml_nodes import (
    ListNode,
    MapNode,
    Node,
    ScalarNode,
    describe_value,
)
from simulator.suggestions import closest

EVERYONE = "everyone"
_UUID_PATTERN = "^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$"
_USER_NAME = NameKind(reserved=(EVERYONE,))


class Uuid(Kind[str]):
    """A uuid, with dashes or without."""

    def _read(self, node: Node, context: Context) -> str:
        if isinstance(node, ScalarNode) and isinstance(node.value, str) and is_uuid(node.value):
            return node.value
        raise context.expected("a uuid", node)

    def _schema(self) -> Schema:
        return {"type": "string", "pattern": _UUID_PATTERN}


class UserRef(Kind[Text]):
    """A declared user, or a text that names one when the story runs; with `ids`, also a uuid."""

    def __init__(self, *, ids: bool = False) -> None:
        self._ids = ids

    def _read(self, node: Node, context: Context) -> Text:
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            raise context.expected("the name of a user", node)
        value = TEXT.read(node, context)
        if self._ids and isinstance(value, str) and is_uuid(value):
            return value
        return check_reference(node, value, context, "user", context.state.users, self._ids)

    def _schema(self) -> Schema:
        return {"type": "string"}


class PartyRef(Kind[Text]):
    """A declared party, or a text that names one when the story runs."""

    def _read(self, node: Node, context: Context) -> Text:
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            raise context.expected("the name of a party", node)
        value = TEXT.read(node, context)
        return check_reference(node, value, context, "party", context.state.parties)

    def _schema(self) -> Schema:
        return {"type": "string"}


class CorpusRef(Kind[str]):
    """A declared or built-in corpus."""

    def _read(self, node: Node, context: Context) -> str:
        name = Literal().read(node, context)
        check_reference(node, name, context, "corpus", context.state.corpora)
        return name

    def _schema(self) -> Schema:
        return {"type": "string"}


def check_reference(
    node: Node,
    value: Text,
    context: Context,
    what: str,
    known: Collection[str],
    ids: bool = False,
) -> Text:
    """The value itself, where it names one of the known, as far as can be told before a run.

    A text that is nothing but a name from the scope is checked against all values that this can
    have. Raises Rejected.
    """
    if isinstance(value, str):
        if value not in known:
            hint = suggestion(value, known)
            raise context.state.unknown(node.at, f"unknown {what} {quoted(value)}{hint}")
        return value
    whole = value.whole
    for candidate in (context.names.get(whole.name) or ()) if whole else ():
        if isinstance(candidate, Template) or candidate in known:
            continue
        if ids and isinstance(candidate, str) and is_uuid(candidate):
            continue
        if isinstance(candidate, str):
            hint = suggestion(candidate, known)
            raise context.state.unknown(
                node.at, f"unknown {what} {quoted(candidate)}, a value of {value}{hint}"
            )
        raise context.reject(
            node, f"expected the name of a {what}, but {value} can be {describe_value(candidate)}"
        )
    return value


_PARTY_WHO = Record(
    "{party: NAME}", {"party": Field(PartyRef(), "A declared party.", required=True)}
)


class WhoKind(Kind[Who]):
    """A user, a list of users, `{party: NAME}`, or `everyone`."""

    _user = UserRef()

    def _read(self, node: Node, context: Context) -> Who:
        if isinstance(node, ListNode):
            if not node.items:
                raise context.expected("at least one user", node)
            return _merged(_each_once(node, read_all(_OneOfMany(), node.items, context), context))
        if isinstance(node, MapNode):
            party = _PARTY_WHO.read(node, context)["party"]
            if isinstance(party, Template):
                raise context.expected("the name of a party", node.entries[0].value)
            return Who(parties=(party,))
        if isinstance(node, ScalarNode) and node.value == EVERYONE:
            return Who(everyone=True)
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            raise context.expected("a user, a list of users, {party: NAME} or everyone", node)
        return Who(users=(self._user.read(node, context),))

    def _schema(self) -> Schema:
        return {"$ref": "#/definitions/who"}


_NAME_OR_PARTY: list[Schema] = [{"type": "string"}, _PARTY_WHO.schema()]

WHO_DEFINITION: Schema = {
    "description": "A user, a list of users, {party: NAME}, or everyone (all who are connected).",
    "anyOf": [
        *_NAME_OR_PARTY,
        {"type": "array", "items": {"anyOf": _NAME_OR_PARTY}, "minItems": 1},
    ],
}


class _OneOfMany(WhoKind):
    """What can stand in a list of users."""

    def _read(self, node: Node, context: Context) -> Who:
        if isinstance(node, ListNode):
            raise context.expected("a user", node)
        who = super()._read(node, context)
        if who.everyone:
            raise context.reject(node, f"'{EVERYONE}' stands alone, not in a list")
        return who


def _each_once(node: ListNode, parts: list[Who], context: Context) -> list[Who]:
    """The parts of a list, none of which may be there twice; raises Rejected."""
    seen: set[Who] = set()
    for item, part in zip(node.items, parts, strict=True):
        if part in seen:
            name = str((*part.users, *part.parties)[0])
            raise context.reject(item, f"{quoted(name)} is here twice")
        seen.add(part)
    return parts


def _merged(parts: list[Who]) -> Who:
    return Who(
        users=tuple(user for part in parts for user in part.users),
        parties=tuple(party for part in parts for party in part.parties),
    )


def is_party(node: Node) -> bool:
    """Whether a node is `{party: ...}`, which says who and is no long form of a step.

    A misspelt one is, too, so that the mistake is found where it is.
    """
    if not isinstance(node, MapNode) or len(node.entries) != 1:
        return False
    key = node.entries[0].key.text
    return key == "party" or (key != "user" and closest(key, ("party",)) is not None)


class UsersKind(Kind[dict[str, User]]):
    """The declared users: names, or a mapping with their settings."""

    _names = ListOf(_USER_NAME, "a list of names", minimum=0, unique=True)
    _mapping = MapOf(
        Record("a user", {"id": Field(Uuid(), "A fixed id; otherwise one is derived.")}),
        "a list of names, or a mapping {name: {id: UUID}}",
        _USER_NAME,
    )

    def _read(self, node: Node, context: Context) -> dict[str, User]:
        if isinstance(node, ListNode):
            return {name: User(name) for name in self._names.read(node, context)}
        found = self._mapping.read(node, context)
        return {name: User(name, values.get("id")) for name, values in found.items()}

    def _schema(self) -> Schema:
        return alternatives(self._names.schema(), self._mapping.schema())


class _Member(Kind[str]):
    """A declared user, by name."""

    def _read(self, node: Node, context: Context) -> str:
        name = Literal().read(node, context)
        check_reference(node, name, context, "user", context.state.users)
        return name

    def _schema(self) -> Schema:
        return {"type": "string"}


class PartiesKind(Kind[dict[str, Party]]):
    """The declared parties: lists of users, or mappings with members and id."""

    _members = ListOf(_Member(), "a list of users", unique=True)
    _mapping = MapOf(
        Record(
            "a party",
            {
                "members": Field(_members, "Users, at least one.", required=True),
                "id": Field(Uuid(), "A fixed id; otherwise one is derived."),
            },
            short=Short(_members, "members"),
        ),
        "a mapping {name: [users]}",
        NameKind(),
    )

    def _read(self, node: Node, context: Context) -> dict[str, Party]:
        found = self._mapping.read(node, context)
        return {
            name: Party(name, values["members"], values.get("id")) for name, values in found.items()
        }

    def _schema(self) -> Schema:
        return self._mapping.schema()
