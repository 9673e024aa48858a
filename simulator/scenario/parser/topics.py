"""Topics as scripts name them."""

from __future__ import annotations

from simulator.scenario.parser.context import Context
from simulator.scenario.parser.kinds import TEXT, Kind, Schema
from simulator.scenario.script import Text
from simulator.scenario.yaml_nodes import Node


class TopicRef(Kind[Text]):
    """A topic; a template is filled in when the story runs."""

    def _read(self, node: Node, context: Context) -> Text:
        topic = TEXT.read(node, context)
        if isinstance(topic, str):
            wrong = context.state.vocabulary.wrong_topic(topic)
            if wrong:
                raise context.reject(node, wrong)
        return topic

    def _schema(self) -> Schema:
        return {"type": "string"}


class TopicName(Kind[str]):
    """A topic by its plain name."""

    _topic = TopicRef()

    def _read(self, node: Node, context: Context) -> str:
        topic = self._topic.read(node, context)
        if not isinstance(topic, str):
            raise context.expected("the name of a topic", node)
        return topic

    def _schema(self) -> Schema:
        return self._topic.schema()
