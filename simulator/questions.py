"""What callers ask about events: conditions checked and understood, names turned into user ids."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.catalog import Catalog
from simulator.log import TopicLog
from simulator.options import EventConditions, check_words
from simulator.scenario.live_chat import LiveChat
from simulator.scenario.near_miss import Conditions
from simulator.scenario.player import Player
from simulator.testing.criteria import Criteria, all_forms


class EventQuestions:
    """Knows the users of all plays and of the chat service, and which events there may be."""

    def __init__(self, log: TopicLog, catalog: Catalog, player: Player, chat: LiveChat) -> None:
        self._log = log
        self._catalog = catalog
        self._player = player
        self._chat = chat

    def people(self) -> dict[str, str]:
        """Return the user ids that names stand for: those of the plays and of the chat service."""
        people: dict[str, str] = {}
        for play in self._player.plays.values():
            people.update(play.users)
        people.update(self._chat.users)
        return people

    def names(self) -> dict[str, str]:
        """Return what users are called, by id: stories with other seeds gave a name other ids."""
        names = {
            user_id: name
            for play in self._player.plays.values()
            for name, user_id in play.users.items()
        }
        names.update((user_id, name) for name, user_id in self._chat.users.items())
        return names

    def criteria(self, topic: str | None, conditions: EventConditions) -> Criteria:
        """What an event must meet; raises for a topic, a name or a field that cannot be."""
        check_words(conditions, EventConditions)
        name, user = conditions.get("name"), conditions.get("user")
        if topic is not None:
            topic = self._catalog.topic(topic)
            self._log.topic(topic)
        where = conditions.get("where") or {}
        self._check_question(topic, name, where)
        wanted = Conditions(
            event=name,
            topic=topic,
            user=user,
            user_ids=frozenset() if user is None else all_forms(self._ids_of(user)),
            where=where,
        )
        return Criteria(wanted, conditions.get("matching"))

    def _ids_of(self, user: str) -> set[str]:
        """Every id that a name stands for: stories with other seeds gave it other ids."""
        ids = {play.user_id(user) for play in self._player.plays.values()}
        ids.add(self._chat.users.get(user))
        return {user_id for user_id in ids if user_id is not None} or {user}

    def _check_question(
        self, topic: str | None, name: str | None, where: Mapping[str, object]
    ) -> None:
        """A misspelt name or field should fail here, not look like an event that never came.

        A topic without message types may carry any.
        """
        catalog = self._catalog
        known = (info.name for info in self._log.topics() if not info.internal)
        topics = list(known) if topic is None else [topic]
        if any(topic not in catalog.channels for topic in topics):
            return
        if name is not None:
            if topic is not None:
                catalog.message(topic, name)
            elif all(message.name != name for message in catalog.messages):
                catalog.find(name)
        for path in where:
            catalog.check_path(path, topics)
