"""One transactional id: its producer, its state, and the partitions of its transaction (KIP-98)."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final, NamedTuple

from simulator.log.control_batches import Marker

Place = tuple[str, int]
"""A topic and a partition."""

NO_PRODUCER_ID: Final = -1
NO_EPOCH: Final = -1
MAX_EPOCH: Final = 32_767

LAST_USED_EPOCH: Final = MAX_EPOCH - 1
"""The largest epoch that a client gets: one more is kept for fencing it."""


class TransactionState(Enum):
    """As Kafka's `TransactionState` names them."""

    EMPTY = "Empty"
    ONGOING = "Ongoing"
    PREPARE_COMMIT = "PrepareCommit"
    PREPARE_ABORT = "PrepareAbort"
    COMPLETE_COMMIT = "CompleteCommit"
    COMPLETE_ABORT = "CompleteAbort"
    DEAD = "Dead"
    PREPARE_EPOCH_FENCE = "PrepareEpochFence"


PREPARED: Final = (TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_ABORT)


class TransactionError(IntEnum):
    """Refusals, by the numbers of Kafka's errors."""

    NONE = 0
    INVALID_REQUEST = 42
    INVALID_PRODUCER_EPOCH = 47
    INVALID_TXN_STATE = 48
    INVALID_PRODUCER_ID_MAPPING = 49
    INVALID_TRANSACTION_TIMEOUT = 50
    CONCURRENT_TRANSACTIONS = 51
    PRODUCER_FENCED = 90
    TRANSACTION_ABORTABLE = 120


class Producer(NamedTuple):
    """A producer id with an epoch."""

    producer_id: int
    epoch: int


NO_PRODUCER: Final = Producer(NO_PRODUCER_ID, NO_EPOCH)


class Transaction:
    """What the coordinator keeps of a transactional id; times are in ms.

    `partitions` are those added, and while a transaction ends those that still lack their marker.
    `last_epoch` is the one before, where a request may be sent again with it.
    """

    __slots__ = (
        "bumps_epochs",
        "epoch",
        "last_epoch",
        "marker",
        "next_producer_id",
        "partitions",
        "previous_producer_id",
        "producer_id",
        "rewound",
        "started_at",
        "state",
        "timeout_ms",
        "transactional_id",
        "updated_at",
    )

    def __init__(self, transactional_id: str, producer_id: int, timeout_ms: int, now: int) -> None:
        self.transactional_id = transactional_id
        self.producer_id = producer_id
        self.epoch = NO_EPOCH
        self.last_epoch = NO_EPOCH
        self.previous_producer_id = NO_PRODUCER_ID
        self.next_producer_id = NO_PRODUCER_ID
        self.timeout_ms = timeout_ms
        self.state = TransactionState.EMPTY
        self.partitions: dict[Place, None] = {}
        self.started_at: int | None = None
        self.updated_at = now
        self.marker = Marker.ABORT
        self.bumps_epochs = False
        self.rewound = False

    @property
    def producer(self) -> Producer:
        """Id and epoch that the client must have."""
        return Producer(self.producer_id, self.epoch)

    @property
    def exhausted(self) -> bool:
        """Whether no epoch is left for the client, so that it needs another id."""
        return self.epoch >= LAST_USED_EPOCH

    def begin_producer(self, timeout_ms: int, now: int) -> None:
        """Forget the last transaction for a producer that begins."""
        self.timeout_ms = timeout_ms
        self.partitions = {}
        self.started_at = None
        self._become(TransactionState.EMPTY, now)

    def rotate(self, producer_id: int, last_epoch: int) -> None:
        """Go on with another producer id."""
        self.previous_producer_id, self.producer_id = self.producer_id, producer_id
        self.epoch, self.last_epoch = 0, last_epoch

    def add(self, places: list[Place], now: int, *, bumps_epochs: bool) -> None:
        """Add partitions; the first ones begin a transaction."""
        if self.state is not TransactionState.ONGOING:
            self.started_at = now
            self.rewound = False
            self.partitions = {}
        self.partitions.update(dict.fromkeys(places))
        self.bumps_epochs = bumps_epochs
        self._become(TransactionState.ONGOING, now)

    def prepare(self, marker: Marker, now: int) -> None:
        """Decide how the transaction ends."""
        if self.started_at is None or self.state is not TransactionState.ONGOING:
            self.started_at = now
            self.partitions = {}
        self.marker = marker
        commit = marker is Marker.COMMIT
        prepared = TransactionState.PREPARE_COMMIT if commit else TransactionState.PREPARE_ABORT
        self._become(prepared, now)

    def complete(self, now: int) -> None:
        """All markers are written."""
        commit = self.state is TransactionState.PREPARE_COMMIT
        if self.next_producer_id != NO_PRODUCER_ID:
            self.rotate(self.next_producer_id, self.last_epoch)
            self.next_producer_id = NO_PRODUCER_ID
        complete = TransactionState.COMPLETE_COMMIT if commit else TransactionState.COMPLETE_ABORT
        self._become(complete, now)

    def _become(self, state: TransactionState, now: int) -> None:
        self.state = state
        self.updated_at = now
