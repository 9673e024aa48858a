"""The step `deliver`: event handler apps, and how events are delivered to them."""

from __future__ import annotations

from typing import Final

from simulator.delivery_settings import (
    MAX_BATCH,
    STATUS_CODES,
    Chaos,
    DeliverySettings,
    HandlerError,
    InvalidDeliverySetting,
    check_target,
)
from simulator.scenario import script
from simulator.scenario.parser.context import Context
from simulator.scenario.parser.kinds import (
    BOOLEAN,
    DURATION,
    TEXT,
    Choice,
    Duration,
    Integer,
    Kind,
    Literal,
    Schema,
    alternatives,
)
from simulator.scenario.parser.records import Field, ListOf, MapOf, Record, Short, Values
from simulator.scenario.parser.topics import TopicName
from simulator.scenario.script import Position, Text
from simulator.scenario.yaml_nodes import MapNode, Node, ScalarNode

_OFF: Final = ("off", "none")
_TEXT: Final = Literal()
_SOME_TIME: Final = Duration(1_000_000)


class TargetKind(Kind[Text]):
    """Where an app listens: `host:port`, or a template that becomes that."""

    def _read(self, node: Node, context: Context) -> Text:
        target = TEXT.read(node, context)
        if isinstance(target, str):
            try:
                check_target(target)
            except HandlerError as error:
                raise context.reject(node, str(error)) from None
        return target

    def _schema(self) -> Schema:
        return {"type": "string"}


class _TargetOrOff(Kind[Text | None]):
    """A target; None for `off`."""

    _target = TargetKind()

    def _read(self, node: Node, context: Context) -> Text | None:
        if isinstance(node, ScalarNode) and node.value in _OFF:
            return None
        return self._target.read(node, context)

    def _schema(self) -> Schema:
        return alternatives({"enum": list(_OFF)}, self._target.schema())


_CHAOS: Final = Record(
    "chaos",
    {
        "duplicate": Field(BOOLEAN, "Every event is sent twice."),
        "shuffle": Field(BOOLEAN, "The events of a batch come in another order."),
        "lose_first_answer": Field(BOOLEAN, "The first answer is taken for UNAVAILABLE."),
        "delay": Field(DURATION, "Each call waits for up to so long."),
    },
)

_RECORD: Final = Record(
    "deliver",
    {
        "to": Field(TargetKind(), "Where the app listens: host:port.", required=True),
        "group": Field(_TEXT, "The group whose offsets say how far it is."),
        "topics": Field(ListOf(TopicName(), "a list of topics"), "Of these alone."),
        "start": Field(Choice("earliest", "latest"), "Where a new group begins."),
        "batch_size": Field(Integer(1, MAX_BATCH), "Events taken at once. Default: 500."),
        "ordered": Field(BOOLEAN, "One call at a time."),
        "retried_codes": Field(
            ListOf(Choice(*STATUS_CODES), "a list of status codes", 0), "What is tried again."
        ),
        "retry_batch": Field(BOOLEAN, "Try again with the whole batch, or alone. Default: true."),
        "attempts": Field(Integer(1, 2**31 - 1), "How often a batch is tried. Default: no end."),
        "backoff": Field(_SOME_TIME, "Before the second attempt; it doubles. Default: 200ms."),
        "max_backoff": Field(_SOME_TIME, "The longest one. Default: 10s."),
        "deadline": Field(_SOME_TIME, "Of each call. Default: 10s."),
        "dead_letters": Field(_TEXT, "A topic for what is given up."),
        "trace_headers": Field(BOOLEAN, "Whether calls carry trace headers. Default: true."),
        "metadata": Field(MapOf(_TEXT, "a mapping {name: text}"), "Further headers of calls."),
        "chaos": Field(_CHAOS, "What finds apps that are not idempotent."),
        "within": Field(
            DURATION, "How long the end of the story waits for the app, in real time. Default: 5s."
        ),
    },
    short=Short(_TargetOrOff(), "to", lambda node: not isinstance(node, MapNode)),
)

_IN_SECONDS: Final = ("backoff", "max_backoff", "deadline")
"""What the settings call `backoff_s` and so on."""


class DeliverKind(Kind[Values]):
    """A target, maybe with settings; or `off`."""

    def _read(self, node: Node, context: Context) -> Values:
        values = dict(_RECORD.read(node, context))
        step = {"to": values.pop("to")}
        if "within" in values:
            step["within"] = values.pop("within")
        chaos = dict(values.pop("chaos", {}))
        if "delay" in chaos:
            chaos["delay_ms"] = chaos.pop("delay") // 1_000_000
        for name in _IN_SECONDS:
            if name in values:
                values[f"{name}_s"] = values.pop(name) / 1e9
        if "retried_codes" in values:
            values["retried_codes"] = frozenset(values["retried_codes"])
        try:
            step["settings"] = DeliverySettings(**values, chaos=Chaos(**chaos))
        except InvalidDeliverySetting as error:
            place = node.get(_key(error.setting)) if isinstance(node, MapNode) else None
            raise context.reject(place or node, str(error)) from None
        return step

    def _schema(self) -> Schema:
        return _RECORD.schema()


def _key(setting: str) -> str:
    """The key of the step that has a setting."""
    return "chaos" if setting == "delay_ms" else setting.removesuffix("_s")


def deliver(at: Position, values: Values, context: Context) -> script.Deliver:
    """The step."""
    return script.Deliver(at, **values)
