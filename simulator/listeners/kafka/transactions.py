"""The transaction coordinator: gives the state machine a clock, and writes its markers.

Everything here happens at once: when an EndTxn is answered the markers are in the log and the
offsets are the groups', unless a partition has no leader at the moment.

A reset or a restored snapshot takes away records, and nothing of what clients know: they keep their
producer ids and epochs, and a transaction that is open goes on without what it had written. What a
snapshot brings back open, and nobody has open any more, is aborted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from simulator.listeners.kafka.broker_clock import BrokerClock, BrokerTimer
from simulator.log import (
    CoordinatorFenced,
    InvalidGroup,
    LogFull,
    Marker,
    PartitionNotFound,
    ProducerFenced,
    TopicLog,
    TopicNotFound,
)
from simulator.log.groups import Commit
from simulator.log.pending_offsets import OFFSETS_TOPIC, PendingOffsets
from simulator.log.placement import NO_LEADER
from simulator.log.transaction import (
    Place,
    Producer,
    Transaction,
    TransactionError,
    TransactionState,
)
from simulator.log.transactions import Outcome, PendingMarker, Transactions

FIRST_BUMPING_PRODUCE = 12
FIRST_BUMPING_OFFSET_COMMIT = 5
FIRST_BUMPING_END = 5
"""Versions of Produce, TxnOffsetCommit and EndTxn with which transaction version 2 begins."""

LeaderOf = Callable[[str, int], int]
"""The broker that leads a partition; raises TopicNotFound or PartitionNotFound."""


class TransactionCoordinator:
    """The transactions of the cluster."""

    def __init__(
        self,
        log: TopicLog,
        clock: BrokerClock,
        machine: Transactions,
        leader_of: LeaderOf,
        timestamp: Callable[[], int],
        next_producer_id: Callable[[], int],
    ) -> None:
        """`timestamp` tells the time that records get, in ms since the epoch.

        `next_producer_id` tells the id that the next producer will get.
        """
        self.offsets = PendingOffsets()
        self._log = log
        self._clock = clock
        self._machine = machine
        self._leader_of = leader_of
        self._timestamp = timestamp
        self._next_producer_id = next_producer_id
        self._timer: BrokerTimer | None = None
        self._timer_at: int | None = None
        log.transactions.rewound = self._rewound

    @property
    def now(self) -> int:
        """Milliseconds of the brokers' clock."""
        return self._clock.now_ms()

    # What there is

    def find(self, transactional_id: str) -> Transaction | None:
        """What is known of an id."""
        return self._machine.find(transactional_id)

    def all(self) -> list[Transaction]:
        """Everything that is known."""
        return self._machine.all()

    def began_at(self, found: Transaction) -> int:
        """When the last transaction of an id began, in ms since the epoch; -1 where none has.

        By the machine's clock, as the brokers keep time.
        """
        if found.started_at is None:
            return -1
        return int(self._clock.wall_seconds(found.started_at / 1000) * 1000)

    # What clients ask for

    def init(self, transactional_id: str, timeout_ms: int, expected: Producer | None) -> Outcome:
        """Give a producer its id and epoch; see `Transactions.init`."""
        outcome = self._machine.init(transactional_id, timeout_ms, expected, self.now)
        self.settle()
        return outcome

    def fence(self, transactional_id: str) -> None:
        """Let the producer of an id be out of date; its open transaction is aborted."""
        self._machine.fence(transactional_id, self.now)
        self.settle()

    def add(
        self,
        transactional_id: str,
        producer: Producer,
        places: Iterable[Place],
        *,
        bumps_epochs: bool = False,
    ) -> TransactionError:
        """Add partitions to a transaction."""
        error = self._machine.add(
            transactional_id, producer, list(places), self.now, bumps_epochs=bumps_epochs
        )
        self._watch()
        return error

    def verify(self, transactional_id: str, producer: Producer, place: Place) -> TransactionError:
        """Whether a partition belongs to a transaction."""
        return self._machine.verify(transactional_id, producer, place)

    def end(
        self, transactional_id: str, producer: Producer, marker: Marker, *, bumps_epochs: bool
    ) -> Outcome:
        """End a transaction."""
        outcome = self._machine.end(
            transactional_id, producer, marker, self.now, bumps_epochs=bumps_epochs
        )
        self.settle()
        return outcome

    def admit(
        self, transactional_id: str, producer: Producer, place: Place, *, adds: bool
    ) -> TransactionError:
        """Whether the leader of a partition takes what belongs to a transaction (KIP-890).

        With `adds` the partition is added to the transaction, else it must have been.
        """
        topic, partition = place
        if topic == OFFSETS_TOPIC:
            is_open = self.offsets.is_open(partition, producer)
        else:
            is_open = self._log.transactions.is_open(topic, partition, *producer)
        if is_open:
            return TransactionError.NONE
        if adds:
            error = self.add(transactional_id, producer, [place], bumps_epochs=True)
        else:
            error = self.verify(transactional_id, producer, place)
        if error is TransactionError.PRODUCER_FENCED:
            return TransactionError.INVALID_PRODUCER_EPOCH
        return error

    def commit_later(self, group: str, producer: Producer, place: Place, commit: Commit) -> None:
        """Let an offset be the group's when the producer's transaction is committed."""
        self.offsets.add(producer, group, place, commit, self._log.groups.commit_at(group, place))

    # Markers

    def settle(self) -> None:
        """Write the markers of transactions that have been ended, as far as there are leaders."""
        for pending in self._machine.markers():
            if self._is_written(pending):
                self._machine.written(pending.transactional_id, pending.place, self.now)
        self._watch()

    def _is_written(self, pending: PendingMarker) -> bool:
        """Write a marker, or find that there is nothing to write it to; False to try it later."""
        topic, partition = pending.place
        producer = pending.producer
        try:
            if topic != OFFSETS_TOPIC:
                if self._leader_of(topic, partition) == NO_LEADER:
                    return False
                opened = self._log.transactions.open_epoch(topic, partition, producer[0])
                if pending.if_open and opened is None:
                    return True
            self.write(
                pending.place, pending.marker, producer, 0, bumps_epochs=pending.bumps_epochs
            )
        except (TopicNotFound, PartitionNotFound, ProducerFenced, CoordinatorFenced):
            pass  # deleted meanwhile, or ended by an administrator
        except LogFull:
            pass  # only a marker that ends nothing can be without room
        return True

    def write(
        self,
        place: Place,
        marker: Marker,
        producer: Producer,
        coordinator_epoch: int,
        *,
        bumps_epochs: bool,
    ) -> None:
        """Write one marker; for offsets, let them be the group's or forget them.

        Raises TopicNotFound, PartitionNotFound, ProducerFenced, CoordinatorFenced or LogFull.
        """
        topic, partition = place
        if topic != OFFSETS_TOPIC:
            self._log.append_marker(
                place,
                marker,
                producer,
                self._timestamp(),
                coordinator_epoch=coordinator_epoch,
                bumps_epochs=bumps_epochs,
            )
            return
        for ended in self.offsets.ended(partition, producer.producer_id):
            present = self._log.groups.commit_at(ended.group, ended.place)
            if marker is Marker.COMMIT and present is ended.before:
                try:
                    self._log.groups.store(ended.group, *ended.place, ended.commit)
                except (InvalidGroup, TopicNotFound, PartitionNotFound):
                    continue  # the topic was deleted meanwhile
                self.offsets.stored(ended)

    def _rewound(self) -> None:
        """The log was reset or restored."""
        self._machine.rewind()
        self.offsets.clear()
        self._log.transactions.strict_from = self._next_producer_id()
        alive = {
            (*found.producer, place)
            for found in self._machine.all()
            if found.state is TransactionState.ONGOING
            for place in found.partitions
        }
        for each in self._log.transactions.open():
            place = (each.topic, each.partition)
            producer = Producer(each.producer_id, each.producer_epoch)
            if (*producer, place) not in alive:
                self._log.append_marker(place, Marker.ABORT, producer, self._timestamp())
                self._log.transactions.forget_producers(*place)

    # Time

    def _watch(self) -> None:
        """Call `expire` when it is time."""
        first = self._machine.deadline
        if first == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = first
        if first is not None:
            self._timer = self._clock.call_at(first, self._expire)

    def _expire(self) -> None:
        self._timer = self._timer_at = None
        self._machine.expire(self.now)
        self.settle()
