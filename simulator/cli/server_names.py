"""What a running simulator calls its users."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import orjson

from simulator.cli.words import People

if TYPE_CHECKING:
    from simulator.cli.client import Client
    from simulator.v1 import record_pb2

_ASK_EVERY_S: Final = 1.0
"""Users without a name may come all the time: those of crowds, and those of other programs."""


class ServerNames:
    """The people of a running simulator, asked for again when somebody new turns up."""

    def __init__(self, client: Client) -> None:
        self.people = People()
        self._client = client
        self._ask_again = 0.0

    def meet(self, records: Iterable[record_pb2.Record]) -> None:
        """Learn the names of those who act in records, if the simulator knows them."""
        users = (_acting_user(record.json) for record in records)
        if any(user is not None and not self.people.knows(user) for user in users):
            self._ask()

    def _ask(self) -> None:
        now = time.monotonic()
        if now >= self._ask_again:
            self._ask_again = now + _ASK_EVERY_S
            for user_id, name in self._client.users():
                self.people.call(user_id, name)


def ids_of(client: Client, user: str) -> list[str]:
    """The ids that a user may have: an id itself, or what a name stands for there.

    Nobody may be called so yet; with seed 0 it will be the last one.
    """
    from simulator.scenario.identity import derived_id, is_uuid

    if is_uuid(user):
        return [user]
    known = [user_id for user_id, _ in client.users(user)]
    return list(dict.fromkeys([*known, derived_id(0, "user", user)]))


def _acting_user(value: str) -> str | None:
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    user = event.get("userId") if isinstance(event, dict) else None
    return user if isinstance(user, str) else None
