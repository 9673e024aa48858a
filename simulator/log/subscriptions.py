"""Which topics the members of a consumer group read: those they name, and those they describe."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from simulator.log.consumer_member import ConsumerMember
from simulator.log.consumer_messages import GroupRefusal, Topics, TopicShape
from simulator.log.group_messages import GroupError
from simulator.log.topic_regex import InvalidTopicRegex, TopicRegex


class Subscriptions:
    """Finds topics, and remembers what matched as long as the same `topics` are given."""

    __slots__ = ("_matches", "_regexes", "_topics")

    def __init__(self) -> None:
        self._regexes: dict[str, TopicRegex] = {}
        self._matches: dict[str, frozenset[str]] = {}
        self._topics: Topics = {}

    def check(self, regex: str) -> None:
        """Raise GroupRefusal unless `regex` is a regular expression."""
        if regex in self._regexes:
            return
        try:
            self._regexes[regex] = TopicRegex(regex)
        except InvalidTopicRegex as error:
            raise GroupRefusal(
                GroupError.INVALID_REGULAR_EXPRESSION,
                f"SubscribedTopicRegex `{regex}` is not a valid regular expression: {error}.",
            ) from None

    def names(self, member: ConsumerMember, topics: Topics) -> frozenset[str]:
        """The names of the topics that a member reads and that exist."""
        names = member.topic_names & topics.keys()
        if member.topic_regex:
            names |= self._matching(member.topic_regex, topics)
        return names

    def topic_ids(self, member: ConsumerMember, topics: Topics) -> frozenset[UUID]:
        """The same as ids."""
        return frozenset(topics[name].topic_id for name in self.names(member, topics))

    def shapes(self, members: Iterable[ConsumerMember], topics: Topics) -> frozenset[TopicShape]:
        """What all topics that somebody reads look like."""
        members = list(members)
        used = {member.topic_regex for member in members}
        for regex in self._regexes.keys() - used:
            del self._regexes[regex]
            self._matches.pop(regex, None)
        subscriptions = {(member.topic_names, member.topic_regex): member for member in members}
        names = frozenset().union(*(self.names(m, topics) for m in subscriptions.values()))
        return frozenset(topics[name] for name in names)

    def _matching(self, regex: str, topics: Topics) -> frozenset[str]:
        if topics is not self._topics:
            self._matches.clear()
            self._topics = topics
        found = self._matches.get(regex)
        if found is None:
            matches = self._regexes[regex].matches
            found = self._matches[regex] = frozenset(name for name in topics if matches(name))
        return found
