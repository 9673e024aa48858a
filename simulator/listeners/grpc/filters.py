"""Which records a subscriber wants: `simulator.v1.Filter` checked, and compiled to a predicate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from google.protobuf import struct_pb2

from simulator.catalog import Catalog, UnknownField
from simulator.listeners.grpc.limits import MAX_FILTER_VALUES, MAX_PATH_LENGTH
from simulator.listeners.grpc.requests import Checks
from simulator.scenario.identity import is_uuid
from simulator.suggestions import closest, did_you_mean
from simulator.v1 import record_pb2

FieldTest = Callable[[Any], bool]


class Envelope(NamedTuple):
    """What filters ask of an event's envelope; absent, or no text: None. Ids are normalized."""

    name: str | None
    user_id: str | None
    namespace: str | None


NO_ENVELOPE = Envelope(None, None, None)


@lru_cache(maxsize=8192)
def normal_id(text: str) -> str:
    """One form for the dashed and the compact form of a uuid; any other text as it is."""
    return text.replace("-", "").lower() if is_uuid(text) else text


def envelope(value: bytes | None) -> Envelope:
    """Read the envelope of a record's value; of one that is no JSON object, nothing."""
    event = parsed(value)
    if not isinstance(event, dict):
        return NO_ENVELOPE
    user_id = _text(event.get("userId"))
    return Envelope(
        _text(event.get("name")),
        None if user_id is None else normal_id(user_id),
        _text(event.get("namespace")),
    )


def parsed(value: bytes | None) -> Any:
    """Parse a record's value as JSON; None where it is none."""
    try:
        return None if value is None else orjson.loads(value)
    except orjson.JSONDecodeError:
        return None


class RecordFilter:
    """A compiled filter: a cheap test of the envelope, and for what passes one of the fields."""

    def __init__(
        self,
        names: Iterable[str] = (),
        user_ids: Iterable[str] = (),
        namespaces: Iterable[str] = (),
        fields: Sequence[FieldTest] = (),
    ) -> None:
        """Empty lists ask for nothing."""
        self._names = frozenset(names)
        self._user_ids = frozenset(map(normal_id, user_ids))
        self._namespaces = frozenset(namespaces)
        self._fields = tuple(fields)

    @property
    def tests_envelope(self) -> bool:
        """Whether `fitting` has anything to say."""
        return bool(self._names or self._user_ids or self._namespaces)

    @property
    def tests_fields(self) -> bool:
        """Whether `fits` has anything to say."""
        return bool(self._fields)

    def fitting(self, envelopes: Sequence[Envelope]) -> list[int]:
        """Return the indexes of the envelopes that fit."""
        rows: Iterable[int] = range(len(envelopes))
        if self._names:
            names = self._names
            rows = [row for row in rows if envelopes[row][0] in names]
        if self._user_ids:
            user_ids = self._user_ids
            rows = [row for row in rows if envelopes[row][1] in user_ids]
        if self._namespaces:
            namespaces = self._namespaces
            rows = [row for row in rows if envelopes[row][2] in namespaces]
        return list(rows)

    def fits(self, value: bytes | None) -> bool:
        """Test the fields of a value."""
        event = parsed(value)
        return isinstance(event, dict) and all(test(event) for test in self._fields)


def compile_filter(
    wanted: record_pb2.Filter, topics: Sequence[str], catalog: Catalog
) -> RecordFilter | None:
    """Check and compile a filter for some topics; None where it lets everything through.

    Names and fields must occur in an event of one of the topics; a topic without message types
    takes any. Raises `InvalidRequest` with every violation.
    """
    if not (wanted.names or wanted.user_ids or wanted.namespaces or wanted.fields):
        return None
    checks = Checks()
    for field in ("names", "user_ids", "namespaces", "fields"):
        checks.at_most(getattr(wanted, field), MAX_FILTER_VALUES, f"filter.{field}")
    checks.done()
    typed = all(topic in catalog.channels for topic in topics)
    if typed:
        known = {name for topic in topics for name in catalog.channels[topic].messages}
        for row, name in enumerate(wanted.names):
            hint = did_you_mean(closest(name, known)) or f"; there are {', '.join(sorted(known))}"
            checks.require(
                name in known,
                f"filter.names[{row}]",
                f"no event of these topics is called {name!r}{hint}",
            )
    for row, entry in enumerate(wanted.fields):
        place = f"filter.fields[{row}]"
        problem = _bad_path(entry.path)
        if typed and not problem:
            problem = _unknown_path(entry.path, topics, catalog)
        checks.require(not problem, f"{place}.path", problem)
        checks.require(entry.value.WhichOneof("kind"), f"{place}.value", "is missing")
    checks.done()
    return RecordFilter(
        wanted.names,
        wanted.user_ids,
        wanted.namespaces,
        [_field_test(entry.path, entry.value) for entry in wanted.fields],
    )


def from_value(value: struct_pb2.Value) -> Any:
    """Return the plain JSON value of a `google.protobuf.Value`; whole numbers are integers."""
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "list_value":
            return [from_value(item) for item in value.list_value.values]
        case "struct_value":
            return {name: from_value(item) for name, item in value.struct_value.fields.items()}
        case _:
            return None


def _bad_path(path: str) -> str:
    """Say what is wrong with the form of a path; empty if nothing is."""
    if len(path) > MAX_PATH_LENGTH:
        return f"has {len(path)} characters, at most {MAX_PATH_LENGTH}"
    if not all(part.removesuffix("[]") for part in path.split(".")):
        return "is no dotted path such as payload.userDisconnected.code"
    return ""


def _unknown_path(path: str, topics: Sequence[str], catalog: Catalog) -> str:
    try:
        catalog.check_path(path, topics)
    except UnknownField as error:
        return str(error)
    return ""


def _field_test(path: str, value: struct_pb2.Value) -> FieldTest:
    wanted = from_value(value)
    steps: list[str | None] = []
    for part in path.split("."):
        name = part.removesuffix("[]")
        steps.append(name)
        if name != part:
            steps.append(None)
    return lambda event: _fits(event, steps, 0, wanted)


def _fits(value: Any, steps: Sequence[str | None], done: int, wanted: Any) -> bool:
    """Whether what lies behind the remaining steps equals what is wanted; None is any item."""
    for index in range(done, len(steps)):
        step = steps[index]
        if step is None:
            items = value if isinstance(value, list) else ()
            return any(_fits(item, steps, index + 1, wanted) for item in items)
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return False
    return _equals(value, wanted)


def _equals(seen: Any, wanted: Any) -> bool:
    """Equality of JSON values: true is not 1, 4000 is 4000.0, ids are equal in either form."""
    if isinstance(wanted, str):
        return isinstance(seen, str) and (seen == wanted or normal_id(seen) == normal_id(wanted))
    if isinstance(wanted, list):
        return (
            isinstance(seen, list) and len(seen) == len(wanted) and all(map(_equals, seen, wanted))
        )
    if isinstance(wanted, dict):
        return (
            isinstance(seen, dict)
            and seen.keys() == wanted.keys()
            and all(_equals(seen[name], value) for name, value in wanted.items())
        )
    return isinstance(seen, bool) == isinstance(wanted, bool) and bool(seen == wanted)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
