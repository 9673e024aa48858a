from __future__ import annotations

import weakref
from collections.abc import Sequence

import pytest

from simulator.catalog import Catalog
from simulator.listeners.grpc.record_cache import BLOCK, BLOCK_BYTES, MAX_ITEM_BYTES, RecordCache
from simulator.listeners.grpc.subscription import Caches
from simulator.listeners.grpc.typed_events import TypedEvents
from simulator.log import RecordColumns, TopicLog


class Counted:
    """A cache of the values themselves, and how many of them were computed."""

    def __init__(self, max_bytes: int = 1 << 30) -> None:
        self.log = TopicLog()
        for topic in ("one", "two"):
            self.log.create_topic(topic)
        self.computed = 0
        self.cache: RecordCache[bytes] = RecordCache(self.log, self._compute, len, max_bytes)

    def _compute(self, columns: RecordColumns, rows: Sequence[int]) -> list[bytes]:
        self.computed += len(rows)
        return [columns.values[row] or b"" for row in rows]

    def put(self, *values: bytes, topic: str = "one") -> None:
        for value in values:
            self.log.append(topic, value, timestamp=0)

    def read(self, *topics: str, step: int = 100) -> list[bytes]:
        cursor = self.log.cursor({(topic, 0): 0 for topic in topics or ("one",)})
        values = []
        while len(columns := cursor.poll_columns(step)):
            values += self.cache.get(columns, range(len(columns)))
        return values


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.mark.parametrize("step", [1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK])
def test_every_reader_gets_the_values_and_only_the_first_costs(counted: Counted, step: int) -> None:
    values = [b"%d" % n for n in range(3 * BLOCK + 5)]
    counted.put(*values)
    assert counted.read(step=step) == values
    assert counted.read(step=100) == values
    assert counted.computed == len(values)


def test_readers_of_one_topic_and_of_several_share(counted: Counted) -> None:
    for n in range(BLOCK):
        counted.put(b"%d" % n, topic="one" if n % 3 else "two")
    assert counted.read("two") == [b"%d" % n for n in range(0, BLOCK, 3)]
    assert counted.read("one", "two") == [b"%d" % n for n in range(BLOCK)]
    assert counted.computed == BLOCK


def test_chosen_rows(counted: Counted) -> None:
    counted.put(*(b"%d" % n for n in range(10)))
    columns = counted.log.read_columns("one", 0, 0, max_records=10)
    assert counted.cache.get(columns, [2, 3, 7]) == [b"2", b"3", b"7"]
    assert counted.cache.get(columns, range(10)) == [b"%d" % n for n in range(10)]
    assert counted.computed == 10


def test_a_block_that_grows(counted: Counted) -> None:
    for n in range(BLOCK):
        counted.put(b"%d" % n)
        assert counted.read(step=BLOCK)[-1] == b"%d" % n
    assert counted.computed == BLOCK


def test_it_stays_within_its_bytes_and_forgets_the_least_recently_used() -> None:
    per_block = BLOCK_BYTES + 100 * BLOCK
    counted = Counted(max_bytes=2 * per_block)
    counted.put(*[b"x" * 100] * (3 * BLOCK))
    counted.read(step=BLOCK)
    assert counted.computed == 3 * BLOCK
    assert counted.cache.bytes_held == 2 * per_block

    def read_block(number: int) -> int:
        """How many values had to be computed for a block."""
        before = counted.computed
        columns = counted.log.read_columns("one", 0, number * BLOCK, max_records=BLOCK)
        counted.cache.get(columns, range(BLOCK))
        return counted.computed - before

    assert read_block(1) == 0  # of 1 and 2, which are kept, 2 is now the least recently used
    assert read_block(0) == BLOCK
    assert read_block(1) == 0
    assert read_block(2) == BLOCK


def test_large_values_are_not_kept(counted: Counted) -> None:
    counted.put(b"x" * MAX_ITEM_BYTES, b"y" * (MAX_ITEM_BYTES + 1), b"z")
    for _ in range(2):
        assert [len(value) for value in counted.read()] == [MAX_ITEM_BYTES, MAX_ITEM_BYTES + 1, 1]
    assert counted.cache.bytes_held < 2 * MAX_ITEM_BYTES
    counted.read()
    assert counted.cache.bytes_held < 2 * MAX_ITEM_BYTES


def test_a_value_larger_than_the_whole_cache_is_still_given() -> None:
    counted = Counted(max_bytes=10)
    counted.put(b"x" * 100)
    assert counted.read() == counted.read() == [b"x" * 100]
    assert counted.cache.bytes_held <= 10


def test_after_a_reset_nothing_old_is_served(counted: Counted) -> None:
    counted.log.create_topic("kept", permanent=True)
    counted.put(b"old", topic="kept")
    assert counted.read("kept") == [b"old"]
    counted.log.reset()
    counted.put(b"new", topic="kept")
    assert counted.read("kept") == [b"new"]


def test_after_a_restore_offsets_are_used_again_and_nothing_old_is_served(
    counted: Counted,
) -> None:
    counted.put(b"base")
    snapshot = counted.log.snapshot()
    counted.put(b"first")
    assert counted.read() == [b"base", b"first"]
    counted.log.restore(snapshot)
    counted.put(b"second")
    assert counted.read() == [b"base", b"second"]


def test_after_deletions_offsets_go_on(counted: Counted) -> None:
    counted.put(b"a", b"b", b"c")
    counted.read()
    counted.log.delete_records("one", 0, 2)
    cursor = counted.log.cursor({("one", 0): 2})
    columns = cursor.poll_columns(10)
    assert counted.cache.get(columns, range(len(columns))) == [b"c"]


def test_a_topic_created_again_is_another(counted: Counted) -> None:
    counted.put(b"old")
    counted.read()
    counted.log.delete_topic("one")
    counted.log.create_topic("one")
    counted.put(b"new")
    assert counted.read() == [b"new"]


class Kept:
    """A value whose end can be seen."""


def test_forgetting_takes_no_time_and_frees_bit_by_bit() -> None:
    log = TopicLog()
    log.create_topic("one", permanent=True)
    alive: weakref.WeakSet[Kept] = weakref.WeakSet()

    def compute(columns: RecordColumns, rows: Sequence[int]) -> list[Kept]:
        fresh = [Kept() for _ in rows]
        alive.update(fresh)
        return fresh

    cache: RecordCache[Kept] = RecordCache(log, compute, lambda _: 10, 1 << 30)

    def fill(blocks: int) -> None:
        for number in range(blocks * BLOCK):
            log.append("one", None, timestamp=number)
        columns = log.read_columns("one", 0, 0, max_records=blocks * BLOCK)
        cache.get(columns, range(len(columns)))

    fill(10)
    log.reset()
    assert len(alive) == 10 * BLOCK  # the reset did not wait for them
    assert cache.bytes_held == 0
    fill(1)
    assert BLOCK < len(alive) < 10 * BLOCK
    columns = log.read_columns("one", 0, 0, max_records=1)
    for _ in range(10):
        cache.get(columns, range(1))
    assert len(alive) == BLOCK
    cache.close()
    assert not alive


def test_caches_are_freed_when_the_last_subscription_ends() -> None:
    log = TopicLog()
    log.create_topic("one")
    log.append("one", b"{}", timestamp=0)
    caches = Caches(log, TypedEvents(Catalog.builtin()))
    every = (caches.plain, caches.typed, caches.envelopes)
    columns = log.read_columns("one", 0, 0, max_records=1)
    with caches.in_use():
        with caches.in_use():
            for cache in every:
                cache.get(columns, range(1))
        assert all(cache.bytes_held for cache in every)
    assert not any(cache.bytes_held for cache in every)
    assert not log._waiting
