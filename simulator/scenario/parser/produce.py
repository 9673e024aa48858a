"""`produce`: an event of the catalogue with changes, or any text at all."""

from __future__ import annotations

from simulator.scenario import script
from simulator.scenario.parser.context import Context
from simulator.scenario.parser.kinds import BOOLEAN, JSON, TEXT, Integer, KeyKind, Kind, Schema
from simulator.scenario.parser.people import UserRef
from simulator.scenario.parser.records import Field, ListOf, MapOf, OneOf, Record, Values
from simulator.scenario.script import Position, Text
from simulator.scenario.yaml_nodes import Node, ScalarNode


class TopicRef(Kind[Text]):
    """A topic."""

    def _read(self, node: Node, context: Context) -> Text:
        topic = TEXT.read(node, context)
        if isinstance(topic, str):
            wrong = context.state.vocabulary.wrong_topic(topic)
            if wrong:
                raise context.reject(node, wrong)
        return topic

    def _schema(self) -> Schema:
        return {"type": "string"}


class PathKind(KeyKind):
    """A field of an event: keys with dots in between."""

    def _read(self, node: Node, context: Context) -> str:
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            raise context.expected(_PATH, node)
        return self._check(node, context)

    def _check(self, node: ScalarNode, context: Context) -> str:
        if not all(node.text.split(".")):
            raise context.expected(_PATH, node)
        return node.text

    def _schema(self) -> Schema:
        return {"type": "string", "pattern": r"^[^.]+(\.[^.]+)*$"}


_PATH = "a path such as payload.userDisconnected.code"
PATHS = MapOf(JSON, "a mapping {path: value}", PathKind())


PRODUCE = Record(
    "produce",
    {
        "event": Field(TEXT, "An event of the catalogue; its example with a fresh envelope."),
        "raw": Field(TEXT, "The record's value itself, whatever it is."),
        "topic": Field(TopicRef(), "The topic; by default the event's own."),
        "user": Field(UserRef(), "The acting user: userId, and the sessionId if connected."),
        "set": Field(PATHS, "Values by path, such as payload.userDisconnected.code: 4000."),
        "remove": Field(ListOf(PathKind(), "a list of paths"), "Paths to leave out."),
        "key": Field(TEXT, "The record's key; by default the event's id."),
        "headers": Field(MapOf(TEXT, "a mapping {name: text}"), "Record headers."),
        "partition": Field(Integer(0, 2**31 - 1), "The partition; by default the key's."),
        "validate": Field(BOOLEAN, "false lets a bad event through, marked unchecked."),
    },
    one_of=(OneOf(("event", "raw")),),
)


def produce(at: Position, values: Values, context: Context) -> script.Produce:
    """The step; raises Rejected where its keys do not go together."""
    event, topic = values.get("event"), values.get("topic")
    validate = values.get("validate", True)
    vocabulary = context.state.vocabulary
    if event is None:
        if topic is None:
            raise context.state.report(at, "produce with 'raw' lacks 'topic'")
        for key in ("set", "remove", "user"):
            if key in values:
                raise context.state.report(at, f"produce takes '{key}' only with 'event'")
        vocabulary.allow_anything()
    if isinstance(event, str):
        wanted = topic if isinstance(topic, str) else None
        wrong = vocabulary.wrong_produced_event(event, wanted, validate)
        if wrong:
            raise context.state.report(at, wrong)
    changes = values.get("set", {})
    for path, value in changes.items():
        vocabulary.allow_path(path)
        if path == "name":
            if isinstance(value, str):
                vocabulary.allow_name(value)
            else:
                vocabulary.allow_anything()
    return script.Produce(
        at,
        event,
        topic,
        values.get("user"),
        changes,
        values.get("remove", ()),
        values.get("raw"),
        values.get("key"),
        tuple(values.get("headers", {}).items()),
        values.get("partition"),
        validate,
    )
