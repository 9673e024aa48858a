"""Who is called what: the users of all plays and of the chat service."""

from __future__ import annotations

from simulator.scenario.live_chat import LiveChat
from simulator.scenario.player import Player


class KnownUsers:
    """Names and ids of users. Stories with other seeds give a name other ids."""

    def __init__(self, player: Player, chat: LiveChat) -> None:
        self._player = player
        self._chat = chat

    def ids(self) -> dict[str, str]:
        """The id that each name stands for, by name; the latest, where there are several."""
        ids: dict[str, str] = {}
        for play in self._player.plays.values():
            ids.update(play.users)
        ids.update(self._chat.users)
        return ids

    def names(self) -> dict[str, str]:
        """What users are called, by id."""
        names = {
            user_id: name
            for play in self._player.plays.values()
            for name, user_id in play.users.items()
        }
        names.update((user_id, name) for name, user_id in self._chat.users.items())
        return names

    def ids_of(self, name: str) -> set[str]:
        """Every id that a name stands for, those of crowds included; none for an unknown one."""
        ids = {play.user_id(name) for play in self._player.plays.values()}
        ids.add(self._chat.users.get(name))
        return {user_id for user_id in ids if user_id is not None}
