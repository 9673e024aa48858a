"""Names of topics: what a broker says of those that cannot be."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.log import InvalidTopicName
from simulator.log.topic import MAX_NAME_LENGTH, check_topic_name


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


def collision(name: str, known: Iterable[str]) -> str | None:
    """A topic whose name differs from `name` only in dots for underscores.

    Kafka refuses it since metrics have underscores for both.
    """
    if "." not in name and "_" not in name:
        return None
    plain = name.replace(".", "_")
    return next((other for other in known if other.replace(".", "_") == plain), None)
