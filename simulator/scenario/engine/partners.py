"""Whom the users of a crowd write to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Final, Protocol

from simulator.scenario.chat_service import Account
from simulator.scenario.engine.chat_actions import Target
from simulator.scenario.randomness import Randomness
from simulator.scenario.script import ServiceSettings

_TOP_LEVEL: Final = 16


class Member(Account):
    """A user of a crowd, known to the service by the same object.

    `place` and `group` are for the crowd's way of choosing partners.
    """

    __slots__ = ("group", "leave_ns", "number", "place", "when_ended")

    def __init__(self, user_id: str, number: int, when_ended: Callable[[Member], None]) -> None:
        super().__init__(user_id)
        self.number = number
        self.leave_ns = 0
        self.place = 0
        self.group: list[Member] | None = None
        self.when_ended: Callable[[Member], None] | None = when_ended

    def ended(self) -> None:
        """Tell the crowd, once."""
        if self.when_ended is not None:
            self.when_ended(self)
            self.when_ended = None


class Partners(Protocol):
    """A way of choosing partners among the members who are connected."""

    def join(self, member: Member) -> None:
        """A member has connected."""

    def leave(self, member: Member) -> None:
        """A member is not connected any more."""

    def target(self, member: Member) -> Target | None:
        """Choose whom a member writes to; None where there is nobody."""


class Anyone:
    """`random`: anyone else, all equally likely."""

    def __init__(self, settings: ServiceSettings, randomness: Randomness) -> None:
        self._present: list[Member] = []
        self._random = randomness.random
        self._type = settings.target_type_user
        self._others_only = settings.target_members == "others"

    def join(self, member: Member) -> None:
        """Append to the list of those present."""
        member.place = len(self._present)
        self._present.append(member)

    def leave(self, member: Member) -> None:
        """Let the last one take the place of the one who leaves."""
        last = self._present.pop()
        if last is not member:
            self._present[member.place] = last
            last.place = member.place

    def target(self, member: Member) -> Target | None:
        """Draw a place among the others: the member's own stands for the last one."""
        present = self._present
        others = len(present) - 1
        if others < 1:
            return None
        chosen = present[int(self._random() * others)]
        if chosen is member:
            chosen = present[others]
        other = chosen.user_id
        return other, self._type, [other] if self._others_only else [member.user_id, other]


class Popular:
    """`popular`: few get most of the messages.

    A member's popularity is a power of two, each twice as high half as likely: the share of those
    with a weight of at least w is 1/w, as in Zipf's law. It is drawn as the member joins.
    """

    def __init__(self, settings: ServiceSettings, randomness: Randomness) -> None:
        self._levels: list[list[Member]] = []
        self._ends: list[int] = []
        self._bits = randomness.bits
        self._random = randomness.random
        self._type = settings.target_type_user
        self._others_only = settings.target_members == "others"

    def join(self, member: Member) -> None:
        """Draw a popularity."""
        draw = self._bits(_TOP_LEVEL)
        level = (~draw & (draw + 1)).bit_length() - 1
        while len(self._levels) <= level:
            self._levels.append([])
        group = self._levels[level]
        member.group = group
        member.place = len(group)
        group.append(member)
        self._ends.clear()

    def leave(self, member: Member) -> None:
        """Let the last one of the same popularity take the member's place."""
        group = member.group
        if group is None:
            return
        self._ends.clear()
        last = group.pop()
        if last is not member:
            group[member.place] = last
            last.place = member.place
        member.group = None

    def target(self, member: Member) -> Target | None:
        """Draw in proportion to popularity; the member itself is drawn again, a few times."""
        ends = self._ends
        if not ends:
            weights = [len(group) << level for level, group in enumerate(self._levels)]
            ends.extend(accumulate(weights))
        total = ends[-1]
        for _ in range(8):
            point = int(self._random() * total)
            level = bisect_right(ends, point)
            before = ends[level - 1] if level else 0
            chosen = self._levels[level][(point - before) >> level]
            if chosen is not member:
                other = chosen.user_id
                members = [other] if self._others_only else [member.user_id, other]
                return other, self._type, members
        return None


class Groups:
    """`pairs` and `party`: neighbours by number, as far as they are connected now."""

    def __init__(
        self, settings: ServiceSettings, size: int, party_id: Callable[[int], str] | None
    ) -> None:
        """`party_id` gives the id of a party by number from 1; None for pairs, who write in person.

        A party is over, and forgotten, when its last member leaves.
        """
        self._size = size
        self._party_id = party_id
        self._groups: dict[int, list[Member]] = {}
        self._ids: dict[int, str] = {}
        self._type = settings.target_type_user if party_id is None else settings.target_type_party
        self._others_only = settings.target_members == "others"

    def join(self, member: Member) -> None:
        """Meet those of the group who are there."""
        number = (member.number - 1) // self._size
        group = self._groups.get(number)
        if group is None:
            group = self._groups[number] = []
            if self._party_id is not None:
                self._ids[number] = self._party_id(number + 1)
        group.append(member)
        member.group = group

    def leave(self, member: Member) -> None:
        """Leave the group."""
        group = member.group
        if group is not None:
            group.remove(member)
            member.group = None
            if not group:
                number = (member.number - 1) // self._size
                del self._groups[number]
                self._ids.pop(number, None)

    def target(self, member: Member) -> Target | None:
        """The other one, or the party."""
        group = member.group
        if group is None or len(group) < 2:
            return None
        if self._others_only:
            members = [other.user_id for other in group if other is not member]
        else:
            members = [other.user_id for other in group]
        if self._party_id is not None:
            party_id = self._ids[(member.number - 1) // self._size]
            return party_id, self._type, members
        other = group[0] if group[1] is member else group[1]
        pair = [other.user_id] if self._others_only else [member.user_id, other.user_id]
        return other.user_id, self._type, pair
