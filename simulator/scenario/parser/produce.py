"""`produce`: an event of the catalogue with changes, or any text at all."""

from __future__ import annotations

from simulator.scenario import script
from simulator.scenario.parser.context import Context
from simulator.scenario.parser.kinds import BOOLEAN, JSON, TEXT, Integer, KeyKind, Kind, Schema
from simulator.scenario.parser.people import UserRef
from simulator.scenario.parser.records import Field, ListOf, MapOf, OneOf, Record, Values
from simulator.scenario.parser.topics import TopicRef
from simulator.scenario.script import Position
from simulator.scenario.yaml_nodes import MapNode, Node, ScalarNode


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


_RECORD = Record(
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


class ProduceKind(Kind[Values]):
    """What to publish."""

    def _read(self, node: Node, context: Context) -> Values:
        values = _RECORD.read(node, context)
        assert isinstance(node, MapNode)
        vocabulary = context.state.vocabulary
        event, topic = values.get("event"), values.get("topic")
        if event is None:
            if topic is None:
                raise context.reject(node, "produce with 'raw' lacks 'topic'")
            for key, _ in node.entries:
                if key.text in ("set", "remove", "user"):
                    raise context.reject(key, f"produce takes '{key.text}' only with 'event'")
            vocabulary.allow_anything()
        elif isinstance(event, str):
            wanted = topic if isinstance(topic, str) else None
            wrong = vocabulary.wrong_produced_event(event, wanted, values.get("validate", True))
            if wrong:
                raise context.reject(node.get("event") or node, wrong)
            if values.get("validate", True):
                _warn_of_near_misses(event, wanted, values.get("set", {}), node, context)
        for path, value in values.get("set", {}).items():
            vocabulary.allow_path(path)
            if path == "name" and isinstance(value, str):
                vocabulary.allow_name(value)
            elif path == "name":
                vocabulary.allow_anything()
        return values

    def _schema(self) -> Schema:
        return _RECORD.schema()


def _warn_of_near_misses(
    event: str, topic: str | None, changes: Values, node: MapNode, context: Context
) -> None:
    """Legal, since events may have more fields than the specification knows, but likely slips."""
    given = node.get("set")
    where = None if given is None else context.resolve(given)[0]
    keys = {key.text: key for key, _ in where.entries} if isinstance(where, MapNode) else {}
    for path, value in changes.items():
        for message in context.state.vocabulary.near_misses(event, topic, path, value):
            context.state.warn(keys[path].at, message)


def produce(at: Position, values: Values, context: Context) -> script.Produce:
    """The step."""
    return script.Produce(
        at,
        values.get("event"),
        values.get("topic"),
        values.get("user"),
        values.get("set", {}),
        values.get("remove", ()),
        values.get("raw"),
        values.get("key"),
        tuple(values.get("headers", {}).items()),
        values.get("partition"),
        values.get("validate", True),
    )
