"""Assignors of consumer groups: everything read is assigned once, and as evenly as can be."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.log.assignors import ASSIGNORS, Reader
from simulator.log.consumer_messages import Place

T = [UUID(int=number) for number in range(4)]

_sizes = st.dictionaries(st.sampled_from(T), st.integers(0, 7))
_readers = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(Reader, st.none(), st.frozensets(st.sampled_from(T))),
    max_size=6,
)
_current = st.dictionaries(
    st.sampled_from("abcdefg"),
    st.frozensets(st.tuples(st.sampled_from(T), st.integers(0, 8))),
    max_size=7,
)


def everything(*topics: UUID) -> Reader:
    return Reader(None, frozenset(topics))


def shared(places: dict[str, frozenset[Place]]) -> dict[str, list[int]]:
    return {member: sorted(number for _, number in share) for member, share in places.items()}


@given(st.sampled_from(sorted(ASSIGNORS)), _readers, _sizes, _current)
def test_each_partition_goes_to_one_who_reads_it(
    name: str,
    readers: dict[str, Reader],
    sizes: dict[UUID, int],
    current: dict[str, frozenset[Place]],
) -> None:
    found = ASSIGNORS[name](readers, sizes, current)
    assert found.keys() == readers.keys()
    assigned = Counter(place for share in found.values() for place in share)
    read = set().union(*(reader.topics for reader in readers.values()))
    assert assigned == Counter((t, n) for t in read for n in range(sizes.get(t, 0)))
    assert all(t in readers[member].topics for member, share in found.items() for t, _ in share)


@given(_readers, _sizes, _current)
def test_uniform_cannot_be_made_more_even(
    readers: dict[str, Reader], sizes: dict[UUID, int], current: dict[str, frozenset[Place]]
) -> None:
    found = ASSIGNORS["uniform"](readers, sizes, current)
    for member, share in found.items():
        for topic_id, _ in share:
            for other, reader in readers.items():
                if topic_id in reader.topics:
                    assert len(share) - len(found[other]) <= 1, (member, other)


@given(_readers, _sizes, _current)
def test_uniform_moves_nothing_the_second_time(
    readers: dict[str, Reader], sizes: dict[UUID, int], current: dict[str, frozenset[Place]]
) -> None:
    once = ASSIGNORS["uniform"](readers, sizes, current)
    assert ASSIGNORS["uniform"](readers, sizes, once) == once


def test_uniform_moves_no_more_than_it_must() -> None:
    readers = dict.fromkeys("ab", everything(T[0]))
    two = ASSIGNORS["uniform"](readers, {T[0]: 6}, {})
    assert sorted(map(len, two.values())) == [3, 3]
    three = ASSIGNORS["uniform"](readers | {"c": everything(T[0])}, {T[0]: 6}, two)
    assert sorted(map(len, three.values())) == [2, 2, 2]
    assert all(three[member] <= two[member] for member in "ab")


@pytest.mark.parametrize(
    ("partitions", "expected"),
    [
        (7, {"a": [0, 1, 2], "b": [3, 4], "c": [5, 6]}),
        (2, {"a": [0], "b": [1], "c": []}),
    ],
)
def test_range_cuts_a_topic_into_ranges(partitions: int, expected: dict[str, list[int]]) -> None:
    readers = dict.fromkeys("abc", everything(T[0]))
    assert shared(ASSIGNORS["range"](readers, {T[0]: partitions}, {})) == expected


def test_range_gives_the_same_numbers_of_topics_of_the_same_size() -> None:
    readers = dict.fromkeys("ab", everything(T[0], T[1]))
    found = ASSIGNORS["range"](readers, {T[0]: 3, T[1]: 3}, {})
    assert shared(found) == {"a": [0, 0, 1, 1], "b": [2, 2]}


def test_range_goes_by_instance_ids_first() -> None:
    readers = {
        "a": everything(T[0]),
        "b": Reader("two", frozenset(T[:1])),
        "c": Reader("one", frozenset(T[:1])),
    }
    found = ASSIGNORS["range"](readers, {T[0]: 3}, {})
    assert shared(found) == {"c": [0], "b": [1], "a": [2]}
