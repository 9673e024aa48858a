"""What a partition remembers of idempotent producers (KIP-98), to refuse gaps and repeats.

As in Kafka's `ProducerStateEntry` and `ProducerAppendInfo`: the last five batches of a producer
are known, so that one sent again is answered with the offset it got the first time.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

from simulator.log.batches import Batch
from simulator.log.errors import CoordinatorFenced, OutOfOrderSequence, ProducerFenced

KEPT_BATCHES: Final = 5
"""As many as a producer may have in flight."""

MAX_PRODUCERS: Final = 10_000
"""Producers a partition remembers; the one that was silent longest is forgotten, as Kafka does
after `producer.id.expiration.ms`."""

NO_SEQUENCE: Final = -1
NO_COORDINATOR_EPOCH: Final = -1


class SentBatch(NamedTuple):
    """A batch as it lies in the log."""

    base_sequence: int
    last_sequence: int
    base_offset: int


class ProducerEntry(NamedTuple):
    """A producer: its epoch, its last batches in that epoch, and when it wrote last (ms).

    `coordinator_epoch` is that of the last marker.
    """

    epoch: int
    sent: tuple[SentBatch, ...]
    last_timestamp: int
    coordinator_epoch: int

    @property
    def last_sequence(self) -> int:
        """The last sequence number in this epoch, NO_SEQUENCE before the first."""
        return self.sent[-1].last_sequence if self.sent else NO_SEQUENCE


class Producers:
    """The producers of one partition.

    From one that is not known any sequence is accepted, unless it bumps its epoch with each
    transaction (KIP-890): then its state cannot have expired, and it must begin at 0.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: OrderedDict[int, ProducerEntry] = OrderedDict()

    def known(self) -> list[tuple[int, ProducerEntry]]:
        """All producers by id, the one silent longest first."""
        return list(self._known.items())

    def check(self, batch: Batch, *, bumps_epochs: bool = False) -> int | None:
        """None if `batch` comes next; the offset that it has already if it was sent before.

        Raises ProducerFenced for an older epoch, and OutOfOrderSequence for a gap.
        """
        known = self._known.get(batch.producer_id)
        if known is None:
            if bumps_epochs and batch.base_sequence != 0:
                raise OutOfOrderSequence(batch.producer_id, batch.base_sequence, 0)
            return None
        if batch.producer_epoch < known.epoch:
            raise ProducerFenced(batch.producer_id, batch.producer_epoch, known.epoch)
        if batch.producer_epoch > known.epoch:
            if batch.base_sequence != 0:
                raise OutOfOrderSequence(batch.producer_id, batch.base_sequence, 0)
            return None
        for sent in known.sent:
            if (sent.base_sequence, sent.last_sequence) == (
                batch.base_sequence,
                batch.last_sequence,
            ):
                return sent.base_offset
        expected = (known.last_sequence + 1) & 0x7FFFFFFF
        if batch.base_sequence != expected:
            raise OutOfOrderSequence(batch.producer_id, batch.base_sequence, expected)
        return None

    def appended(self, batch: Batch, base_offset: int) -> None:
        """Remember a batch that was checked and stored."""
        known = self._known.get(batch.producer_id)
        earlier: tuple[SentBatch, ...] = ()
        coordinator_epoch = NO_COORDINATOR_EPOCH
        if known is not None:
            coordinator_epoch = known.coordinator_epoch
            if known.epoch == batch.producer_epoch:
                earlier = known.sent[1 - KEPT_BATCHES :]
        sent = SentBatch(batch.base_sequence, batch.last_sequence, base_offset)
        self._keep(
            batch.producer_id,
            ProducerEntry(
                batch.producer_epoch, (*earlier, sent), batch.max_timestamp, coordinator_epoch
            ),
        )

    def check_marker(
        self,
        producer_id: int,
        epoch: int,
        coordinator_epoch: int,
        *,
        bumps_epochs: bool,
        is_open: bool,
    ) -> None:
        """Raise ProducerFenced where a marker comes too late, or CoordinatorFenced.

        With `bumps_epochs` a marker has a newer epoch than the records that it ends; one of the
        same epoch can only be a marker written again, which is right while nothing `is_open`.
        """
        known = self._known.get(producer_id)
        if known is None:
            return
        if epoch < known.epoch or (epoch == known.epoch and bumps_epochs and is_open):
            raise ProducerFenced(producer_id, epoch, known.epoch)
        if coordinator_epoch < known.coordinator_epoch:
            raise CoordinatorFenced(coordinator_epoch, known.coordinator_epoch)

    def ended(self, producer_id: int, epoch: int, coordinator_epoch: int, timestamp: int) -> None:
        """Remember a marker."""
        known = self._known.get(producer_id)
        sent = () if known is None or known.epoch != epoch else known.sent
        self._keep(producer_id, ProducerEntry(epoch, sent, timestamp, coordinator_epoch))

    def _keep(self, producer_id: int, entry: ProducerEntry) -> None:
        self._known[producer_id] = entry
        self._known.move_to_end(producer_id)
        if len(self._known) > MAX_PRODUCERS:
            self._known.popitem(last=False)

    def clear(self) -> None:
        """Forget everybody."""
        self._known.clear()
