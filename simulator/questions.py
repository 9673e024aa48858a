"""What callers ask about events: conditions checked and understood, names turned into user ids."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.catalog import Catalog
from simulator.log import TopicLog
from simulator.options import EventConditions, check_words
from simulator.scenario.known_users import KnownUsers
from simulator.scenario.near_miss import Conditions
from simulator.testing.criteria import Criteria, all_forms


class EventQuestions:
    """Knows what users are called, and which events there may be."""

    def __init__(self, log: TopicLog, catalog: Catalog, users: KnownUsers) -> None:
        self._log = log
        self._catalog = catalog
        self._users = users

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
            user_ids=frozenset() if user is None else all_forms(self._users.ids_of(user) or {user}),
            where=where,
        )
        return Criteria(wanted, conditions.get("matching"))

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
