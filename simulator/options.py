"""The keyword arguments that the synchronous and the asynchronous simulator share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypedDict

from simulator.log import Headers, InvalidRecord
from simulator.suggestions import closest
from simulator.testing.events import Event


def check_words(given: Mapping[str, object], known: type) -> None:
    """Refuse keywords that `known`, one of the classes below, does not have.

    At run time a misspelt condition would otherwise be ignored, and hold for every event.
    """
    words = known.__annotations__
    for word in given:
        if word not in words:
            meant = closest(word, words)
            hint = f"did you mean {meant!r}?" if meant else f"there is {', '.join(words)}"
            raise TypeError(f"unknown keyword {word!r} ({hint})")


class EventConditions(TypedDict, total=False):
    """What an event must meet; conditions that are left out do not count.

    `name`: the event's name. `user`: the acting user, by the name that a story or a call to the
    chat service gave, or by id. `where`: values by dotted path, such as
    `{"payload.userDisconnected.code": 4000}`. `matching`: any predicate.
    """

    name: str | None
    user: str | None
    where: Mapping[str, Any] | None
    matching: Callable[[Event], object] | None


class PlayOptions(TypedDict, total=False):
    """How a story is played.

    `seed`: instead of the script's own, else the simulator's. `start`: the time at which the story
    begins, an aware datetime or RFC 3339 text. `speed`: story seconds per real second, 0 for as
    fast as possible; without it, the simulator's own. `variables`: values for the script's
    variables.
    """

    seed: int | None
    start: datetime | str | None
    speed: float | None
    variables: Mapping[str, Any] | None


class PublishOptions(TypedDict, total=False):
    """How an event is appended.

    `key`: instead of the event's id. `headers`: names and values. `partition`: instead of the one
    that the key decides. `timestamp`: milliseconds since the Unix epoch, instead of the event's.
    `validate`: instead of the simulator's setting.
    """

    key: str | bytes | None
    headers: Headers | Mapping[str, str | bytes | None]
    partition: int | None
    timestamp: int | None
    validate: bool | None


def record_headers(topic: str, headers: Headers | Mapping[str, str | bytes | None]) -> Headers:
    """The headers of `PublishOptions` as the log takes them; raises InvalidRecord."""
    pairs: Iterable[tuple[str, str | bytes | None]] = (
        headers.items() if isinstance(headers, Mapping) else headers
    )
    try:
        return tuple(
            (name, value.encode() if isinstance(value, str) else value) for name, value in pairs
        )
    except UnicodeEncodeError as error:
        raise InvalidRecord(topic, f"header value {error.object!r} is not valid Unicode") from None
