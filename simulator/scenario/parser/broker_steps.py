"""Steps about the Kafka brokers: `fault`, `broker` and `leader`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from simulator.log.fault_rules import DROPS, FaultRule, InvalidFault
from simulator.log.kafka_names import APIS, ERRORS, wrong_api, wrong_error
from simulator.scenario import script
from simulator.scenario.parser.context import Context
from simulator.scenario.parser.kinds import (
    BOOLEAN,
    DURATION,
    PARAMETER,
    Choice,
    Integer,
    Kind,
    Literal,
    PositiveNumber,
    Schema,
    alternatives,
)
from simulator.scenario.parser.records import Field, OneOf, Record, Short, Values
from simulator.scenario.parser.topics import TopicName
from simulator.scenario.script import Position
from simulator.scenario.yaml_nodes import MapNode, Node

_MAX: Final = 2**31 - 1
_TEXT = Literal()
_COUNT = Integer(1, _MAX)
_NODE = Integer(0, _MAX)
_DURATIONS: Final = ("delay", "throttle", "restart_after")


class KafkaName(Kind[str]):
    """A name of Kafka's own."""

    def __init__(self, names: Collection[str], wrong: Callable[[str], str | None]) -> None:
        self._names = names
        self._wrong = wrong

    def _read(self, node: Node, context: Context) -> str:
        name = _TEXT.read(node, context)
        wrong = self._wrong(name)
        if wrong is not None:
            raise context.reject(node, wrong)
        return name

    def _schema(self) -> Schema:
        return alternatives({"enum": sorted(self._names)}, PARAMETER)


class NodeOrTrue(Kind[int | bool]):
    """A node id, or true for the one that the request reached or the next one."""

    def _read(self, node: Node, context: Context) -> int | bool:
        value = getattr(node, "value", None)
        return BOOLEAN.read(node, context) if isinstance(value, bool) else _NODE.read(node, context)

    def _schema(self) -> Schema:
        return alternatives(_NODE.schema(), BOOLEAN.schema())


_FAULT_FIELDS: Final = {
    "api": Field(KafkaName(APIS, wrong_api), "Kafka's name of the requests that fail: Produce."),
    "client_id": Field(_TEXT, "Only of this client."),
    "broker": Field(_NODE, "Only at this broker."),
    "topic": Field(TopicName(), "Only about this topic."),
    "partition": Field(_NODE, "Only about this partition."),
    "group": Field(_TEXT, "Only of, or about, this group."),
    "transactional_id": Field(_TEXT, "Only of this transactional id."),
    "times": Field(_COUNT, "At most so often. Default: always."),
    "nth": Field(_COUNT, "Only for this match, counted from 1."),
    "every": Field(_COUNT, "Only for every so many matches."),
    "probability": Field(PositiveNumber(), "By chance: above 0, and at most 1."),
    "error": Field(
        KafkaName(frozenset(ERRORS) - {"NONE"}, wrong_error), "Answer with this error of Kafka's."
    ),
    "delay": Field(DURATION, "Handle the request so much later."),
    "drop": Field(Choice(*DROPS), "Close the connection before, or after, it is handled."),
    "cut": Field(_NODE, "Send so many bytes of the answer, then close."),
    "throttle": Field(DURATION, "Tell the client to wait, and read nothing for that long."),
    "duplicate": Field(BOOLEAN, "Append what is produced twice."),
    "stop_broker": Field(NodeOrTrue(), "Stop this broker, or the one reached."),
    "restart_after": Field(DURATION, "Start it again after this time."),
    "move_leader": Field(NodeOrTrue(), "Let this broker, or the next replica, lead."),
    "move_coordinator": Field(NodeOrTrue(), "Let this broker, or the next one, coordinate."),
    "expire_session": Field(BOOLEAN, "End the session of the member that asks."),
    "fence_producer": Field(BOOLEAN, "Let another producer take over the transactional id."),
}


class FaultKind(Kind[Values]):
    """A rule, maybe with the steps for which it holds; or `off`."""

    def __init__(self, steps: Kind[tuple[script.Step, ...]]) -> None:
        self._record = Record(
            "fault",
            {**_FAULT_FIELDS, "steps": Field(steps, "Hold only while these steps go on.")},
            short=Short(Choice("off", "none"), "off"),
        )

    def _read(self, node: Node, context: Context) -> Values:
        values = self._record.read(node, context)
        if "off" in values:
            return {}
        given = {name: value for name, value in values.items() if name != "steps"}
        for name in _DURATIONS:
            if name in given:
                given[f"{name}_ms"] = given.pop(name) // 1_000_000
        try:
            rule = FaultRule(**given)
        except InvalidFault as error:
            raise context.reject(node, str(error)) from None
        return {"rule": rule, "steps": values.get("steps", ())}

    def _schema(self) -> Schema:
        return self._record.schema()


def fault(at: Position, values: Values, context: Context) -> script.Fault:
    """The step."""
    return script.Fault(at, values.get("rule"), values.get("steps", ()))


BROKER = Record(
    "broker",
    {
        "stop": Field(_NODE, "The node id of the broker that stops."),
        "start": Field(_NODE, "The node id of the broker that starts again."),
    },
    one_of=(OneOf(("stop", "start")),),
    short=Short(Choice("stop", "start"), "all"),
)


def broker(at: Position, values: Values, context: Context) -> script.Broker:
    """The step."""
    if "all" in values:
        return script.Broker(at, values["all"])
    ((action, node_id),) = values.items()
    return script.Broker(at, "stop" if action == "stop" else "start", node_id)


LEADER = Record(
    "leader",
    {
        "topic": Field(TopicName(), "The topic whose partition gets another leader."),
        "partition": Field(_NODE, "The partition. Default: 0."),
        "group": Field(_TEXT, "The group that gets another coordinator."),
        "transactional_id": Field(_TEXT, "The transactional id that gets another coordinator."),
        "to": Field(_NODE, "The node id of the broker. Default: the next one."),
    },
    one_of=(OneOf(("topic", "group", "transactional_id")),),
    short=Short(TopicName(), "topic", lambda node: not isinstance(node, MapNode)),
)


def leader(at: Position, values: Values, context: Context) -> script.Leader:
    """The step."""
    return script.Leader(at, **values)
