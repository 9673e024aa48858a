"""Names of topics: what a broker says of those that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from simulator.log import InvalidTopicName
from simulator.log.topic import check_topic_name
from simulator.topic_names import MAX_NAME_LENGTH


def name_problem(name: str) -> str | None:
    """Why no topic can have that name, in the words of a broker; None if one can."""
    try:
        check_topic_name(name)
    except InvalidTopicName:
        pass
    else:
        return None
    if not name:
        why = "the empty string is not allowed"
    elif name in (".", ".."):
        why = f"'{name}' is not allowed"
    elif len(name) > MAX_NAME_LENGTH:
        why = f"the length of '{name}' is longer than the max allowed length {MAX_NAME_LENGTH}"
    else:
        why = (
            f"'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' "
            "and '-'"
        )
    return f"Topic name is invalid: {why}"


class Collisions:
    """Topics whose names differ only in dots for underscores.

    Kafka refuses them since metrics have underscores for both.
    """

    def __init__(self, known: Callable[[], Iterable[str]]) -> None:
        """`known` tells the names of the topics that there are; it is asked once, if at all."""
        self._known = known
        self._plain: dict[str, str] | None = None

    def of(self, name: str) -> str | None:
        """The known topic that collides with that name, or None."""
        if "." not in name and "_" not in name:
            return None
        if self._plain is None:
            self._plain = {}
            for known in self._known():
                self._plain.setdefault(_plain(known), known)
        return self._plain.get(_plain(name))

    def add(self, name: str) -> None:
        """Another topic is there."""
        if self._plain is not None:
            self._plain.setdefault(_plain(name), name)


def _plain(name: str) -> str:
    return name.replace(".", "_")
