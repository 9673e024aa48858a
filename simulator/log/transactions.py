"""The transaction coordinator as a pure state machine (KIP-98, KIP-360, KIP-890).

A client gets a producer id and an epoch for its transactional id; whoever comes with another epoch
is fenced. Adding the first partition begins a transaction. Ending it decides how it ends, and once
every partition has its marker it is complete. The rules are those of Kafka's
`TransactionCoordinator`. With `bumps_epochs`, transaction version 2, every transaction ends with
the next epoch, which the client goes on with; `_retried` finds requests that were sent again.

Nothing is written here: `markers` says what is to be written where, and `written` hears of it.
Times are in ms; `deadline` tells when `expire` has something to do.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from typing import Final, NamedTuple

from simulator.log.control_batches import Marker
from simulator.log.transaction import (
    LAST_USED_EPOCH,
    NO_EPOCH,
    NO_PRODUCER,
    NO_PRODUCER_ID,
    PREPARED,
    Place,
    Producer,
    Transaction,
    TransactionError,
    TransactionState,
)

MAX_TRANSACTIONAL_IDS: Final = 10_000
"""As many are remembered; beyond it the one unused longest is forgotten, as if it had expired."""

_ENDED_BY: Final = {
    TransactionState.COMPLETE_COMMIT: Marker.COMMIT,
    TransactionState.COMPLETE_ABORT: Marker.ABORT,
}
_PREPARED_BY: Final = {
    TransactionState.PREPARE_COMMIT: Marker.COMMIT,
    TransactionState.PREPARE_ABORT: Marker.ABORT,
}


class Outcome(NamedTuple):
    """An error or none, and the producer that the client goes on with."""

    error: TransactionError
    producer: Producer = NO_PRODUCER


class PendingMarker(NamedTuple):
    """A marker to be written to one partition; `producer` is who it names.

    `if_open` says to leave it out where the producer has no open transaction: the log was reset
    or restored meanwhile, so there may be nothing to end.
    """

    transactional_id: str
    place: Place
    marker: Marker
    producer: Producer
    bumps_epochs: bool
    if_open: bool


class Transactions:
    """All transactional ids of a cluster."""

    def __init__(
        self, new_producer_id: Callable[[], int], max_timeout_ms: int, expiration_ms: int
    ) -> None:
        """The ms are those of `transaction.max.timeout.ms` and `transactional.id.expiration.ms`."""
        self._new_producer_id = new_producer_id
        self._max_timeout_ms = max_timeout_ms
        self._expiration_ms = expiration_ms
        self._ids: OrderedDict[str, Transaction] = OrderedDict()  # used longest ago in front
        self._ongoing: dict[str, Transaction] = {}
        self._prepared: dict[str, Transaction] = {}

    def find(self, transactional_id: str) -> Transaction | None:
        """What is known of an id."""
        return self._ids.get(transactional_id)

    def all(self) -> list[Transaction]:
        """Everything that is known, the id unused longest first."""
        return list(self._ids.values())

    # Producers

    def init(
        self, transactional_id: str, timeout_ms: int, expected: Producer | None, now: int
    ) -> Outcome:
        """Give a producer its id and the next epoch; `expected` are those it has (KIP-360).

        A transaction that is open is aborted first: CONCURRENT_TRANSACTIONS, and the client comes
        again.
        """
        if not transactional_id:
            return Outcome(TransactionError.INVALID_REQUEST)
        if not 0 < timeout_ms <= self._max_timeout_ms:
            return Outcome(TransactionError.INVALID_TRANSACTION_TIMEOUT)
        found = self._ids.get(transactional_id)
        if found is None:
            found = Transaction(transactional_id, self._new_producer_id(), timeout_ms, now)
            self._remember(found)
        if expected is not None and not _may_go_on(found, expected):
            return Outcome(TransactionError.PRODUCER_FENCED)
        if found.state in PREPARED:
            return Outcome(TransactionError.CONCURRENT_TRANSACTIONS)
        if found.state is TransactionState.ONGOING:
            self._fence(found, now)
            return Outcome(TransactionError.CONCURRENT_TRANSACTIONS)
        if found.exhausted and (expected is None or expected.epoch == found.epoch):
            last = NO_EPOCH if expected is None else found.epoch
            found.rotate(self._new_producer_id(), last)
        elif expected is None:
            found.epoch, found.last_epoch = found.epoch + 1, NO_EPOCH
        elif found.epoch in (NO_EPOCH, expected.epoch):
            found.epoch, found.last_epoch = found.epoch + 1, found.epoch
        elif expected.epoch != found.last_epoch:
            return Outcome(TransactionError.PRODUCER_FENCED)
        found.begin_producer(timeout_ms, now)
        self._moved(found)
        return Outcome(TransactionError.NONE, found.producer)

    def fence(self, transactional_id: str, now: int) -> None:
        """Let the producer of an id be out of date, as if another one had begun."""
        found = self._ids.get(transactional_id)
        if found is None or found.state in PREPARED or found.epoch == NO_EPOCH:
            return
        if found.state is TransactionState.ONGOING:
            self._fence(found, now)
            found.last_epoch = NO_EPOCH  # what the other one's second request would bring
        else:
            self.init(transactional_id, found.timeout_ms, None, now)

    def _fence(self, found: Transaction, now: int) -> None:
        """Abort an open transaction with an epoch that its producer does not have.

        As long as no other producer begins, it may ask for that epoch and go on (KIP-588).
        """
        found.last_epoch = NO_EPOCH if found.exhausted else found.epoch
        found.epoch = min(found.epoch, LAST_USED_EPOCH) + 1
        found.bumps_epochs = True
        self._prepare(found, Marker.ABORT, now)

    # Partitions

    def add(
        self,
        transactional_id: str,
        producer: Producer,
        places: Collection[Place],
        now: int,
        *,
        bumps_epochs: bool = False,
    ) -> TransactionError:
        """Add partitions to the transaction, and begin it if need be."""
        error = self._refused(transactional_id, producer)
        if error is not TransactionError.NONE:
            return error
        found = self._ids[transactional_id]
        if found.state is TransactionState.ONGOING and found.partitions.keys() >= set(places):
            return TransactionError.NONE
        found.add(list(places), now, bumps_epochs=bumps_epochs)
        self._moved(found)
        return TransactionError.NONE

    def verify(self, transactional_id: str, producer: Producer, place: Place) -> TransactionError:
        """Whether a partition belongs to the transaction; TRANSACTION_ABORTABLE if not."""
        error = self._refused(transactional_id, producer)
        if error is not TransactionError.NONE:
            return error
        if place not in self._ids[transactional_id].partitions:
            return TransactionError.TRANSACTION_ABORTABLE
        return TransactionError.NONE

    def _refused(self, transactional_id: str, producer: Producer) -> TransactionError:
        if not transactional_id:
            return TransactionError.INVALID_REQUEST
        found = self._ids.get(transactional_id)
        if found is None or found.producer_id != producer.producer_id:
            return TransactionError.INVALID_PRODUCER_ID_MAPPING
        if found.epoch != producer.epoch:
            return TransactionError.PRODUCER_FENCED
        if found.state in PREPARED:
            return TransactionError.CONCURRENT_TRANSACTIONS
        return TransactionError.NONE

    # Ending

    def end(
        self,
        transactional_id: str,
        producer: Producer,
        marker: Marker,
        now: int,
        *,
        bumps_epochs: bool = False,
    ) -> Outcome:
        """End the transaction; the outcome names a producer only with `bumps_epochs`."""
        if not transactional_id:
            return Outcome(TransactionError.INVALID_REQUEST)
        found = self._ids.get(transactional_id)
        if found is None:
            return Outcome(TransactionError.INVALID_PRODUCER_ID_MAPPING)
        end = self._end_bumping if bumps_epochs else self._end_keeping
        return end(found, producer, marker, now)

    def _end_keeping(
        self, found: Transaction, producer: Producer, marker: Marker, now: int
    ) -> Outcome:
        """Transaction versions 0 and 1: the epoch stays."""
        if found.producer_id != producer.producer_id:
            return Outcome(TransactionError.INVALID_PRODUCER_ID_MAPPING)
        if found.epoch != producer.epoch:
            return Outcome(TransactionError.PRODUCER_FENCED)
        if found.state is TransactionState.ONGOING:
            found.bumps_epochs = False
            self._prepare(found, marker, now)
            return Outcome(TransactionError.NONE)
        if _PREPARED_BY.get(found.state) is marker:
            return Outcome(TransactionError.CONCURRENT_TRANSACTIONS)
        if _ENDED_BY.get(found.state) is marker:
            return Outcome(TransactionError.NONE)
        return Outcome(TransactionError.INVALID_TXN_STATE)

    def _end_bumping(
        self, found: Transaction, producer: Producer, marker: Marker, now: int
    ) -> Outcome:
        """Transaction version 2: what ends gets the next epoch, or the next id behind the last.

        An abort is taken where nothing is open, too, since the client cannot know whether what it
        sent has arrived.
        """
        retried = _retried(found, producer)
        if found.producer_id != producer.producer_id and not retried:
            return Outcome(TransactionError.INVALID_PRODUCER_ID_MAPPING)
        if found.state in PREPARED:
            in_epoch = retried
        elif found.state in _ENDED_BY:
            in_epoch = retried or found.epoch == producer.epoch
        else:
            in_epoch = found.epoch == producer.epoch
        if not in_epoch:
            return Outcome(TransactionError.PRODUCER_FENCED)
        if found.state in PREPARED:
            same = _PREPARED_BY[found.state] is marker
            concurrent, invalid = (
                TransactionError.CONCURRENT_TRANSACTIONS,
                TransactionError.INVALID_TXN_STATE,
            )
            return Outcome(concurrent if same else invalid)
        if retried and found.state in _ENDED_BY:
            if _ENDED_BY[found.state] is marker:
                return Outcome(TransactionError.NONE, found.producer)
            return Outcome(TransactionError.INVALID_TXN_STATE)
        if found.state is not TransactionState.ONGOING and marker is Marker.COMMIT:
            return Outcome(TransactionError.INVALID_TXN_STATE)
        if found.exhausted:
            found.next_producer_id = self._new_producer_id()
        found.last_epoch = min(found.epoch, LAST_USED_EPOCH)
        found.epoch = found.last_epoch + 1
        found.bumps_epochs = True
        following = found.producer
        if found.next_producer_id != NO_PRODUCER_ID:
            following = Producer(found.next_producer_id, 0)
        self._prepare(found, marker, now)
        return Outcome(TransactionError.NONE, following)

    def _prepare(self, found: Transaction, marker: Marker, now: int) -> None:
        found.prepare(marker, now)
        self._moved(found)
        self._complete(found, now)

    def markers(self) -> Iterator[PendingMarker]:
        """What is to be written for the transactions that have been ended."""
        for found in list(self._prepared.values()):
            for place in list(found.partitions):
                yield PendingMarker(
                    found.transactional_id,
                    place,
                    found.marker,
                    found.producer,
                    found.bumps_epochs,
                    found.rewound,
                )

    def written(self, transactional_id: str, place: Place, now: int) -> None:
        """A marker has been written, or the partition is gone."""
        found = self._prepared.get(transactional_id)
        if found is not None:
            found.partitions.pop(place, None)
            self._complete(found, now)

    def _complete(self, found: Transaction, now: int) -> None:
        if not found.partitions:
            found.complete(now)
            self._moved(found)

    def rewind(self) -> None:
        """The log was reset or restored: what was written in open transactions may be gone."""
        for found in (*self._ongoing.values(), *self._prepared.values()):
            found.rewound = True

    # Time

    @property
    def deadline(self) -> int | None:
        """When `expire` has something to do."""
        times = [
            found.started_at + found.timeout_ms
            for found in self._ongoing.values()
            if found.started_at is not None
        ]
        unused = self._unused()
        if unused is not None:
            times.append(unused.updated_at + self._expiration_ms)
        return min(times, default=None)

    def expire(self, now: int) -> None:
        """Abort transactions that have taken too long, and forget ids that nobody uses."""
        for found in list(self._ongoing.values()):
            if found.started_at is not None and found.started_at + found.timeout_ms <= now:
                self._fence(found, now)
        while (unused := self._unused()) is not None:
            if unused.updated_at + self._expiration_ms > now:
                break
            self._forget(unused)

    def _unused(self) -> Transaction | None:
        """The id that has been without a transaction longest."""
        for name, found in self._ids.items():
            if name not in self._ongoing and name not in self._prepared:
                return found
        return None

    # Accounts

    def _remember(self, found: Transaction) -> None:
        self._ids[found.transactional_id] = found
        if len(self._ids) > MAX_TRANSACTIONAL_IDS:
            unused = self._unused()
            if unused is not None and unused is not found:
                self._forget(unused)

    def _forget(self, found: Transaction) -> None:
        found.state = TransactionState.DEAD
        del self._ids[found.transactional_id]

    def _moved(self, found: Transaction) -> None:
        """Note the new state of an id, which was used now."""
        name = found.transactional_id
        self._ids.move_to_end(name)
        self._ongoing.pop(name, None)
        self._prepared.pop(name, None)
        if found.state is TransactionState.ONGOING:
            self._ongoing[name] = found
        elif found.state in PREPARED:
            self._prepared[name] = found


def _may_go_on(found: Transaction, expected: Producer) -> bool:
    """Whether a producer that names its id may have a new epoch; the epoch is looked at later."""
    return (
        found.epoch == NO_EPOCH
        or expected.producer_id == found.producer_id
        or (
            expected.producer_id == found.previous_producer_id and expected.epoch >= LAST_USED_EPOCH
        )
    )


def _retried(found: Transaction, producer: Producer) -> bool:
    """Whether the client has not heard of the epoch or id that its last request brought."""
    return (found.producer_id == producer.producer_id and found.epoch == producer.epoch + 1) or (
        found.previous_producer_id == producer.producer_id
        and producer.epoch == LAST_USED_EPOCH
        and found.epoch == 0
    )
