"""Offsets of open transactions; the rules are those that `tests/conformance` finds in Kafka."""

from __future__ import annotations

from simulator.log.groups import Commit
from simulator.log.pending_offsets import PendingOffsets, offsets_place
from simulator.log.transaction import Producer

ONE, TWO = Producer(1, 0), Producer(2, 0)
PLACE, OTHER = ("t", 0), ("t", 1)
PARTITION = offsets_place("g")[1]


def test_what_is_pending_ends_with_the_transaction() -> None:
    pending = PendingOffsets()
    pending.add(ONE, "g", PLACE, Commit(5), None)
    pending.add(ONE, "g", PLACE, Commit(6), None)
    pending.add(TWO, "g", OTHER, Commit(7), None)
    assert (pending.is_open(PARTITION, ONE), pending.unstable("g", PLACE)) == (True, True)
    assert not pending.is_open(PARTITION, ONE._replace(epoch=1))
    assert [each.commit.offset for each in pending.ended(PARTITION, 1)] == [6]
    assert (pending.is_open(PARTITION, ONE), pending.unstable("g", PLACE)) == (False, False)
    assert pending.unstable("g", OTHER)


def test_a_newer_epoch_begins_anew() -> None:
    pending = PendingOffsets()
    pending.add(ONE, "g", PLACE, Commit(5), None)
    pending.add(ONE._replace(epoch=1), "g", OTHER, Commit(6), None)
    assert [each.place for each in pending.ended(PARTITION, 1)] == [OTHER]


def test_of_two_transactions_the_later_commit_may_follow_and_not_the_earlier_one() -> None:
    pending, before = PendingOffsets(), Commit(1)
    pending.add(ONE, "g", PLACE, Commit(40), before)
    pending.add(TWO, "g", PLACE, Commit(50), before)
    (first,) = pending.ended(PARTITION, 1)
    pending.stored(first)
    (second,) = pending.ended(PARTITION, 2)
    assert second.before is first.commit
    pending.add(ONE, "g", PLACE, Commit(60), before)
    pending.add(TWO, "g", PLACE, Commit(70), before)
    (second,) = pending.ended(PARTITION, 2)
    pending.stored(second)
    (first,) = pending.ended(PARTITION, 1)
    assert first.before is before


def test_what_is_deleted_is_pending_no_more() -> None:
    pending = PendingOffsets()
    for place in (PLACE, OTHER):
        pending.add(ONE, "g", place, Commit(5), None)
    pending.forget("g", PLACE)
    assert (pending.unstable("g", PLACE), pending.unstable("g", OTHER)) == (False, True)
    assert pending.has("g")
    pending.forget("g")
    assert not pending.unstable("g", OTHER)
    assert not pending.has("g")
    assert pending.ended(PARTITION, 1) == []
