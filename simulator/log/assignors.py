"""How a consumer group's partitions are shared out by the broker (KIP-848): `uniform` and `range`.

An assignor gets what each member reads, how many partitions the topics have, and the assignment
so far. Everybody gets an entry, and every partition that somebody reads goes to one who reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

from simulator.log.consumer_messages import Place

Assignment = dict[str, frozenset[Place]]
"""Partitions by the id of the member."""


class Reader(NamedTuple):
    """A member as an assignor sees it."""

    instance_id: str | None
    topics: frozenset[UUID]


Readers = Mapping[str, Reader]
Sizes = Mapping[UUID, int]
Assignor = Callable[[Readers, Sizes, Mapping[str, frozenset[Place]]], Assignment]


def uniform(readers: Readers, sizes: Sizes, current: Mapping[str, frozenset[Place]]) -> Assignment:
    """As evenly as the subscriptions allow, moving no more partitions than that takes."""
    places = _places(readers, sizes)
    shares: dict[str, set[Place]] = {member: set() for member in readers}
    taken: set[Place] = set()
    for member, reader in readers.items():
        for place in sorted(current.get(member, ())):
            if place in places and place[0] in reader.topics and place not in taken:
                shares[member].add(place)
                taken.add(place)
    free = [place for place in places if place not in taken]
    if len({reader.topics for reader in readers.values()}) <= 1:
        _level(shares, free)
    else:
        _fill(shares, free, readers)
        _even_out(shares, readers)
    return {member: frozenset(share) for member, share in shares.items()}


def _level(shares: dict[str, set[Place]], free: list[Place]) -> None:
    """Everybody reads the same topics: shares differ by one at most.

    The odd ones stay with those who have them.
    """
    if not shares:
        return
    total = len(free) + sum(map(len, shares.values()))
    each, odd = divmod(total, len(shares))
    by_size = sorted(shares, key=lambda member: (-len(shares[member]), member))
    quotas = {member: each + (rank < odd) for rank, member in enumerate(by_size)}
    for member, share in shares.items():
        surplus = sorted(share)[quotas[member] :]
        share.difference_update(surplus)
        free += surplus
    free.sort(reverse=True)
    for member in sorted(shares):
        while len(shares[member]) < quotas[member]:
            shares[member].add(free.pop())


def _fill(shares: dict[str, set[Place]], free: Iterable[Place], readers: Readers) -> None:
    """Each free partition goes to the reader with the least, the rarely read topics first."""
    by_topic = _by_topic(readers)
    for place in sorted(free, key=lambda place: (len(by_topic[place[0]]), place)):
        least = min(by_topic[place[0]], key=lambda member: (len(shares[member]), member))
        shares[least].add(place)


def _even_out(shares: dict[str, set[Place]], readers: Readers) -> None:
    """Move partitions from those with more to those with less, until no move makes it more even."""
    by_topic = _by_topic(readers)
    moved = True
    while moved:
        moved = False
        for member in sorted(shares, key=lambda member: (-len(shares[member]), member)):
            for place in sorted(shares[member]):
                least = min(by_topic[place[0]], key=lambda other: (len(shares[other]), other))
                if len(shares[member]) - len(shares[least]) > 1:
                    shares[member].remove(place)
                    shares[least].add(place)
                    moved = True


def range_(readers: Readers, sizes: Sizes, current: Mapping[str, frozenset[Place]]) -> Assignment:
    """Each topic is cut into one range for each of its readers, the first ones get the odd ones.

    Readers stand in the order of their instance ids or else their own ids, so that those of the
    same topics get the same numbers of each.
    """
    shares: dict[str, set[Place]] = {member: set() for member in readers}
    for topic_id, members in _by_topic(readers).items():
        ordered = sorted(
            members, key=lambda m: (not readers[m].instance_id, readers[m].instance_id or m)
        )
        each, odd = divmod(sizes.get(topic_id, 0), len(ordered))
        low = 0
        for rank, member in enumerate(ordered):
            high = low + each + (rank < odd)
            shares[member].update((topic_id, number) for number in range(low, high))
            low = high
    return {member: frozenset(share) for member, share in shares.items()}


ASSIGNORS: Final[Mapping[str, Assignor]] = {"uniform": uniform, "range": range_}
"""By the names that members ask for; the first is the default."""


def _places(readers: Readers, sizes: Sizes) -> dict[Place, None]:
    """Every partition that somebody reads, in order."""
    read = sorted(set().union(*(reader.topics for reader in readers.values())))
    return {
        (topic_id, number): None for topic_id in read for number in range(sizes.get(topic_id, 0))
    }


def _by_topic(readers: Readers) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    for member, reader in sorted(readers.items()):
        for topic_id in reader.topics:
            found.setdefault(topic_id, []).append(member)
    return found
