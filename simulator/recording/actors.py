"""Who acted in a recording: users by their ids, named in the order of their first event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from simulator.recording.timing import Happening
from simulator.scenario.identity import is_uuid

NAME: Final = "user_{}"


def actors(happenings: Iterable[Happening]) -> dict[str, str]:
    """Return the names of those who acted, by id as events write it.

    Only UUIDs can be ids of a story's users; other ids stay in the events as they are.
    """
    found: dict[str, str] = {}
    known: set[str] = set()
    for happening in happenings:
        user_id = None if happening.event is None else happening.event.get("userId")
        if not isinstance(user_id, str) or user_id in found or not is_uuid(user_id):
            continue
        plain = user_id.replace("-", "").lower()
        if plain not in known:  # two spellings of one id: the first names the user
            known.add(plain)
            found[user_id] = NAME.format(len(found) + 1)
    return found
