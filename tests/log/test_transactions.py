"""The transaction coordinator: random histories against a model, and the rules of KIP-890's table.

The expected answers of `test_ending_with_nothing_open` are the table in Kafka's
`TransactionCoordinator.endTransaction`; those of the others follow KIP-98 and KIP-360.
"""

from __future__ import annotations

from itertools import count

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from simulator.log import Marker
from simulator.log.transaction import (
    LAST_USED_EPOCH,
    MAX_EPOCH,
    PREPARED,
    Producer,
    TransactionError,
    TransactionState,
)
from simulator.log.transactions import MAX_TRANSACTIONAL_IDS, Transactions

NONE, FENCED, INVALID = (
    TransactionError.NONE,
    TransactionError.PRODUCER_FENCED,
    TransactionError.INVALID_TXN_STATE,
)
DAY = 86_400_000
A, B = ("t", 0), ("t", 1)


def coordinator() -> Transactions:
    return Transactions(count(100).__next__, 900_000, 7 * DAY)


def begun(machine: Transactions, name: str = "x", now: int = 0) -> Producer:
    outcome = machine.init(name, 60_000, None, now)
    assert outcome.error is NONE
    return outcome.producer


def settle(machine: Transactions, now: int = 0) -> list[tuple[str, Marker, Producer]]:
    """Write all markers; tells where, and what they say."""
    written = []
    for pending in machine.markers():
        machine.written(pending.transactional_id, pending.place, now)
        written.append((pending.place[0] + str(pending.place[1]), pending.marker, pending.producer))
    return written


@pytest.mark.parametrize("before", ["empty", "committed", "aborted"])
@pytest.mark.parametrize("marker", Marker)
@pytest.mark.parametrize("old", [True, False])
def test_ending_with_nothing_open(before: str, marker: Marker, old: bool) -> None:
    machine = coordinator()
    producer = begun(machine)
    if before != "empty":
        assert machine.add("x", producer, [A], 0, bumps_epochs=True) is NONE
        how = Marker.COMMIT if before == "committed" else Marker.ABORT
        producer = machine.end("x", producer, how, 0, bumps_epochs=True).producer
        settle(machine)
    asked = producer._replace(epoch=producer.epoch - 1) if old else producer
    outcome = machine.end("x", asked, marker, 0, bumps_epochs=True)
    bumped = producer._replace(epoch=producer.epoch + 1)
    expected = {
        ("empty", Marker.ABORT): (FENCED, NONE),
        ("empty", Marker.COMMIT): (FENCED, INVALID),
        ("aborted", Marker.ABORT): (NONE, NONE),
        ("aborted", Marker.COMMIT): (INVALID, INVALID),
        ("committed", Marker.ABORT): (INVALID, NONE),
        ("committed", Marker.COMMIT): (NONE, INVALID),
    }[before, marker]
    assert outcome.error is expected[0 if old else 1]
    if outcome.error is NONE:
        assert outcome.producer == (producer if old else bumped)
        assert list(machine.markers()) == []


def test_states_go_by_kafkas_names() -> None:
    machine = coordinator()
    producer = begun(machine)
    found = machine.find("x")
    assert found is not None
    states = [found.state.value]
    machine.add("x", producer, [A, B], 5)
    states.append(found.state.value)
    machine.end("x", producer, Marker.COMMIT, 6)
    states.append(found.state.value)
    assert machine.end("x", producer, Marker.COMMIT, 6).error is (
        TransactionError.CONCURRENT_TRANSACTIONS
    )
    assert machine.end("x", producer, Marker.ABORT, 6).error is INVALID
    assert machine.add("x", producer, [A], 6) is TransactionError.CONCURRENT_TRANSACTIONS
    assert machine.init("x", 60_000, None, 6).error is TransactionError.CONCURRENT_TRANSACTIONS
    machine.written("x", A, 7)
    states.append(found.state.value)
    machine.written("x", B, 7)
    states.append(found.state.value)
    assert states == ["Empty", "Ongoing", "PrepareCommit", "PrepareCommit", "CompleteCommit"]


def test_an_open_transaction_times_out_and_its_producer_is_fenced() -> None:
    machine = coordinator()
    producer = begun(machine)
    machine.add("x", producer, [A], 1_000)
    assert machine.deadline == 61_000
    machine.expire(60_999)
    assert list(machine.markers()) == []
    machine.expire(61_000)
    fenced = producer._replace(epoch=producer.epoch + 1)
    assert settle(machine) == [("t0", Marker.ABORT, fenced)]
    assert machine.add("x", producer, [A], 62_000) is FENCED
    assert machine.end("x", producer, Marker.COMMIT, 62_000).error is FENCED
    assert begun(machine) == producer._replace(epoch=producer.epoch + 2)


def test_a_producer_whose_transaction_timed_out_may_go_on() -> None:
    machine = coordinator()
    producer = begun(machine)
    machine.add("x", producer, [A], 0)
    machine.expire(60_000)
    settle(machine)
    following = producer._replace(epoch=producer.epoch + 1)
    for _ in range(2):  # KIP-588: it asks with the epoch that it has, as a retry does
        assert machine.init("x", 60_000, producer, 60_000).producer == following
    assert begun(machine) == producer._replace(epoch=producer.epoch + 2)
    assert machine.init("x", 60_000, producer, 60_000).error is FENCED


@pytest.mark.parametrize("is_open", [True, False])
def test_a_producer_that_was_fenced_on_purpose_may_not_go_on(is_open: bool) -> None:
    machine = coordinator()
    producer = begun(machine)
    if is_open:
        machine.add("x", producer, [A], 0)
    machine.fence("x", 0)
    settle(machine)
    assert machine.init("x", 60_000, producer, 0).error is FENCED


def test_an_id_that_nobody_uses_is_forgotten() -> None:
    machine = coordinator()
    producer = begun(machine, now=5)
    assert machine.deadline == 5 + 7 * DAY
    machine.expire(4 + 7 * DAY)
    assert machine.find("x") is not None
    machine.expire(5 + 7 * DAY)
    assert machine.find("x") is None
    assert machine.deadline is None
    assert machine.add("x", producer, [A], 9) is TransactionError.INVALID_PRODUCER_ID_MAPPING


def test_ids_are_bounded() -> None:
    machine = coordinator()
    first = begun(machine, "first")
    machine.add("first", first, [A], 0)
    for number in range(MAX_TRANSACTIONAL_IDS + 5):
        begun(machine, str(number))
    assert len(machine.all()) == MAX_TRANSACTIONAL_IDS
    assert machine.find("first") is not None  # it has a transaction open
    assert machine.find("0") is None


def test_only_a_transaction_that_the_log_lost_may_have_nothing_to_end() -> None:
    machine = coordinator()
    producer = begun(machine)
    for rewound in (True, False):
        machine.add("x", producer, [A], 0)
        if rewound:
            machine.rewind()
        machine.end("x", producer, Marker.COMMIT, 0)
        assert [pending.if_open for pending in machine.markers()] == [rewound]
        settle(machine)


def test_timeouts_are_limited_by_transaction_max_timeout_ms() -> None:
    machine = coordinator()
    errors = [machine.init("x", ms, None, 0).error for ms in (-1, 0, 1, 900_000, 900_001)]
    bad = TransactionError.INVALID_TRANSACTION_TIMEOUT
    assert errors == [bad, bad, NONE, NONE, bad]


def test_a_producer_that_asks_twice_gets_the_same_epoch() -> None:
    machine = coordinator()
    producer = begun(machine)
    one, two = (machine.init("x", 60_000, producer, 0) for _ in range(2))
    assert one == two
    assert one.producer == producer._replace(epoch=1)
    assert machine.init("x", 60_000, producer._replace(epoch=5), 0).error is FENCED
    begun(machine)
    assert machine.init("x", 60_000, one.producer, 0).error is FENCED


@pytest.mark.parametrize("known", [True, False])
def test_behind_the_last_epoch_comes_another_id(known: bool) -> None:
    machine = coordinator()
    producer = begun(machine)
    found = machine.find("x")
    assert found is not None
    found.epoch = LAST_USED_EPOCH
    last = producer._replace(epoch=LAST_USED_EPOCH)
    outcome = machine.init("x", 60_000, last if known else None, 0)
    assert outcome.producer == Producer(producer.producer_id + 1, 0)
    again = machine.init("x", 60_000, last, 0)
    assert again == outcome if known else again.error is FENCED
    # Of the id before only who has used up its epochs (`TransactionCoordinator.isValidProducerId`):
    # a producer that was fenced long ago may not pass for one because its epoch is 0 as well.
    assert machine.init("x", 60_000, producer, 0).error is FENCED


def test_a_transaction_in_the_last_epoch_ends_with_another_id() -> None:
    machine = coordinator()
    producer = begun(machine)
    found = machine.find("x")
    assert found is not None
    found.epoch = LAST_USED_EPOCH
    last = producer._replace(epoch=LAST_USED_EPOCH)
    machine.add("x", last, [A], 0, bumps_epochs=True)
    outcome = machine.end("x", last, Marker.COMMIT, 0, bumps_epochs=True)
    following = Producer(producer.producer_id + 1, 0)
    assert outcome.producer == following
    assert settle(machine) == [("t0", Marker.COMMIT, producer._replace(epoch=MAX_EPOCH))]
    assert machine.end("x", last, Marker.COMMIT, 0, bumps_epochs=True) == outcome
    assert machine.add("x", following, [A], 0) is NONE


class Histories(RuleBasedStateMachine):
    """Two ids with clients of both versions that now and then use what they had before."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = coordinator()
        self.now = 0
        self.given: dict[str, list[Producer]] = {"x": [], "y": []}
        self.open: dict[str, set[tuple[str, int]]] = {}
        self.ended: dict[str, set[tuple[str, int]]] = {}

    names = st.sampled_from(["x", "y"])
    places = st.sampled_from([A, B])

    def current(self, name: str) -> Producer | None:
        found = self.machine.find(name)
        return found.producer if found is not None else None

    @rule(name=names, known=st.booleans())
    def init(self, name: str, known: bool) -> None:
        mine = self.given[name][-1] if known and self.given[name] else None
        before = self.current(name)
        outcome = self.machine.init(name, 60_000, mine, self.now)
        if name in self.ended:
            assert outcome.error in (TransactionError.CONCURRENT_TRANSACTIONS, FENCED)
        elif outcome.error is NONE:
            assert name not in self.open
            assert before is None or outcome.producer.epoch >= before.epoch
            self.given[name].append(outcome.producer)
        elif outcome.error is TransactionError.CONCURRENT_TRANSACTIONS:
            self.ended[name] = self.open.pop(name)
        else:
            assert outcome.error is FENCED
            assert mine is not None

    @precondition(lambda self: any(self.given.values()))
    @rule(name=names, place=places, old=st.booleans(), bumps=st.booleans())
    def add(self, name: str, place: tuple[str, int], old: bool, bumps: bool) -> None:
        if not self.given[name]:
            return
        mine = self.given[name][0 if old else -1]
        error = self.machine.add(name, mine, [place], self.now, bumps_epochs=bumps)
        if mine != self.current(name):
            assert error in (FENCED, TransactionError.INVALID_PRODUCER_ID_MAPPING)
        elif name in self.ended:
            assert error is TransactionError.CONCURRENT_TRANSACTIONS
        else:
            assert error is NONE
            self.open.setdefault(name, set()).add(place)

    @precondition(lambda self: any(self.given.values()))
    @rule(name=names, marker=st.sampled_from(Marker), old=st.booleans(), bumps=st.booleans())
    def end(self, name: str, marker: Marker, old: bool, bumps: bool) -> None:
        if not self.given[name]:
            return
        mine = self.given[name][0 if old else -1]
        fits = mine == self.current(name)
        outcome = self.machine.end(name, mine, marker, self.now, bumps_epochs=bumps)
        if name in self.open:
            assert (outcome.error is NONE) == fits
            if fits:
                self.ended[name] = self.open.pop(name)
        if outcome.error is NONE and bumps:
            assert outcome.producer == self.current(name)
            if outcome.producer != mine:
                self.given[name].append(outcome.producer)

    @rule()
    def write(self) -> None:
        for pending in list(self.machine.markers())[:1]:
            places = self.ended[pending.transactional_id]
            places.remove(pending.place)
            self.machine.written(pending.transactional_id, pending.place, self.now)
            if not places:
                del self.ended[pending.transactional_id]

    @rule(by=st.sampled_from([1_000, 59_000, 61_000]))
    def wait(self, by: int) -> None:
        self.now += by
        deadline = self.machine.deadline
        self.machine.expire(self.now)
        if deadline is not None and deadline <= self.now:
            assert self.machine.deadline != deadline
        for name in list(self.open):
            found = self.machine.find(name)
            assert found is not None
            if found.state is not TransactionState.ONGOING:
                self.ended[name] = self.open.pop(name)

    @invariant()
    def agrees(self) -> None:
        pending: dict[str, set[tuple[str, int]]] = {}
        for marker in self.machine.markers():
            pending.setdefault(marker.transactional_id, set()).add(marker.place)
        assert pending == self.ended
        for name in ("x", "y"):
            found = self.machine.find(name)
            if found is None:
                continue
            assert (found.state is TransactionState.ONGOING) == (name in self.open)
            assert (found.state in PREPARED) == (name in self.ended)
            if name in self.open:
                assert set(found.partitions) == self.open[name]
            assert 0 <= found.epoch <= MAX_EPOCH


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
