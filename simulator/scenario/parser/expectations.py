"""Expectations: what must hold of the events of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from simulator.scenario.chat_service import REFUSALS
from simulator.scenario.deliveries import OUTCOMES
from simulator.scenario.parser.context import Context
from simulator.scenario.parser.declarations import templates_in
from simulator.scenario.parser.deliver import TargetKind
from simulator.scenario.parser.kinds import DURATION, Choice, Integer, Kind, Literal, Schema
from simulator.scenario.parser.people import UserRef
from simulator.scenario.parser.produce import PATHS
from simulator.scenario.parser.records import Field, ListOf, OneOf, Record, Short, Values
from simulator.scenario.parser.tagged import Tagged, Variant
from simulator.scenario.parser.topics import TopicName
from simulator.scenario.script import (
    DELIVERED_WITHIN,
    Expectation,
    Match,
    Position,
    Text,
    Value,
)
from simulator.scenario.wording import quoted
from simulator.scenario.yaml_nodes import MapNode, Node

_CONDITIONS = {
    "event": Field(Literal(), "The event's name."),
    "topic": Field(TopicName(), "The topic it is in."),
    "user": Field(UserRef(ids=True), "Who acted (the envelope's userId): a user, or an id."),
    "where": Field(PATHS, "Values of fields by path."),
}


_NUMBER = Integer(0, 1_000_000_000)
_NUMBERS = {
    "is": Field(_NUMBER, "Exactly so many."),
    "at_least": Field(_NUMBER, "So many or more."),
    "at_most": Field(_NUMBER, "So many or fewer."),
}
_ONE_NUMBER = (OneOf(("is", "at_least"), required=False), OneOf(("is", "at_most"), required=False))

_REFUSAL = {
    "user": Field(UserRef(ids=True), "Whom: a user, or an id."),
    "reason": Field(Choice(*REFUSALS), "Why."),
}


class MatchKind(Kind[Match]):
    """Which events: conditions that must all hold, or just an event's name."""

    def __init__(self, what: str) -> None:
        """`what` is how messages call it."""
        self._record = Record(what, _CONDITIONS, short=Short(Literal(), "event"))

    def _read(self, node: Node, context: Context) -> Match:
        return _match(self._record.read(node, context), node, context)

    def _schema(self) -> Schema:
        return self._record.schema()


class _Counted(NamedTuple):
    """Which events or refusals, and how many of them."""

    matches: tuple[Match]
    at_least: int
    at_most: int | None
    reason: str | None


class _CountKind(Kind[_Counted]):
    """What to count, and how many of it there must be: at least and at most."""

    def __init__(self, what: str, conditions: Mapping[str, Field]) -> None:
        """`what` is how messages call it; `conditions` are its keys beside the number."""
        self._what = what
        self._record = Record(
            what,
            {**conditions, **_NUMBERS},
            one_of=_ONE_NUMBER,
        )

    def _read(self, node: Node, context: Context) -> _Counted:
        values = self._record.read(node, context)
        match = _match(values, node, context)
        at_least, at_most = _bounds(values, node, context)
        if at_least is None and at_most is None:
            raise context.reject(node, f"{self._what} lacks 'is', 'at_least' or 'at_most'")
        return _Counted((match,), at_least or 0, at_most, values.get("reason"))

    def _schema(self) -> Schema:
        counts: list[Schema] = [{"required": [key]} for key in ("is", "at_least", "at_most")]
        schema = self._record.schema()
        return {**schema, "allOf": [*schema["allOf"], {"anyOf": counts}]}


class _DeliveredKind(Kind[Values]):
    """Which events, what is to become of them and where, and of how many: by default of all."""

    def __init__(self) -> None:
        self._record = Record(
            "delivered",
            {
                **_CONDITIONS,
                "to": Field(TargetKind(), "The target, host:port; by default all that are there."),
                "as": Field(Choice(*OUTCOMES), "What becomes of them. Default: handled."),
                **_NUMBERS,
                "within": Field(DURATION, "How long to wait, in real time. Default: 5s."),
            },
            one_of=_ONE_NUMBER,
            short=Short(Literal(), "event"),
        )

    def _read(self, node: Node, context: Context) -> Values:
        values = self._record.read(node, context)
        at_least, at_most = _bounds(values, node, context)
        return {
            "matches": (_match(values, node, context, values.get("to")),),
            "at_least": at_least or 0,
            "at_most": at_most,
            "every": at_least is None and at_most is None,
            "outcome": values.get("as", "handled"),
            "to": values.get("to"),
            "within": values.get("within", DELIVERED_WITHIN),
        }

    def _schema(self) -> Schema:
        return self._record.schema()


def _bounds(values: Values, node: Node, context: Context) -> tuple[int | None, int | None]:
    """How many at least and at most, None where that is left open."""
    if "is" in values:
        return values["is"], values["is"]
    at_least, at_most = values.get("at_least"), values.get("at_most")
    if at_least is not None and at_most is not None and at_least > at_most:
        raise context.reject(node, f"at least {at_least} and at most {at_most} cannot be")
    return at_least, at_most


def _match(values: Values, node: Node, context: Context, *more: Text | None) -> Match:
    """The conditions among a record's values; `more` texts can use the same names."""
    match = Match(
        values.get("event"), values.get("topic"), values.get("user"), values.get("where", {})
    )
    _check_names((match.user, *match.fields.values(), *more), node, context)
    _check_later(match, node, context)
    return match


def _check_names(values: Iterable[Value], node: Node, context: Context) -> None:
    """An expectation watches the whole run, so it can use only what stays the same all along."""
    state = context.state
    lasting = {*state.variables, *state.users, *state.parties, "seed"}
    for value in values:
        for template in templates_in(value):
            for name in template.names:
                if name.name.partition(".")[0] not in lasting and not context.loose:
                    raise context.reject(
                        node,
                        f"{quoted(name.name)} changes during the story; an expectation can use"
                        " variables, ids of users and parties, and seed",
                    )


def _check_later(match: Match, node: Node, context: Context) -> None:
    """Check names when the script has been read: it may make up events and fields of its own."""
    vocabulary = context.state.vocabulary

    def check() -> None:
        wrong = match.event and vocabulary.wrong_event(match.event, match.topic)
        if wrong:
            place = node.get("event") if isinstance(node, MapNode) else None
            context.reject(place or node, wrong)
            return
        where = node.get("where") if isinstance(node, MapNode) else None
        keys = {key.text: key for key, _ in where.entries} if isinstance(where, MapNode) else {}
        for path in match.fields:
            wrong = vocabulary.wrong_path(path, match.event, match.topic)
            if wrong:
                context.reject(keys.get(path) or node, wrong)

    context.state.afterwards.append(check)


def _all(at: Position, values: Values, context: Context) -> Expectation:
    if values["have"] == Match():
        raise context.state.report(at, "the 'have' of all has no conditions; say what must hold")
    return Expectation(at, "all", (values["of"], values["have"]))


EXPECTATION: Tagged[Expectation] = Tagged(
    "expectation",
    "count: {event: userConnected, is: 1}",
    {
        "count": Variant(
            "So many events match.",
            _CountKind("count", _CONDITIONS),
            lambda at, counted, _: Expectation(at, "count", *counted),
        ),
        "none": Variant(
            "No event matches.",
            MatchKind("none"),
            lambda at, match, _: Expectation(at, "count", (match,), 0, 0),
        ),
        "order": Variant(
            "Events that match occur in this order; others may lie in between.",
            ListOf(MatchKind("an event of order"), "a list of events"),
            lambda at, matches, _: Expectation(at, "order", matches),
        ),
        "all": Variant(
            "Every event that matches 'of' also matches 'have'.",
            Record(
                "all",
                {
                    "of": Field(MatchKind("of"), "Which events.", required=True),
                    "have": Field(MatchKind("have"), "What holds of each.", required=True),
                },
            ),
            _all,
        ),
        "refused": Variant(
            "So often the chat service refused something, with an event or without.",
            _CountKind("refused", _REFUSAL),
            lambda at, counted, _: Expectation(at, "refused", *counted),
        ),
        "delivered": Variant(
            "Event handler apps have dealt with every event that matches, or with so many.",
            _DeliveredKind(),
            lambda at, values, _: Expectation(at, "delivered", **values),
        ),
    },
)

EXPECTATIONS = ListOf(EXPECTATION, "a list of expectations")
