"""What a partition remembers of idempotent producers (KIP-98), to refuse gaps and repeats.

As in Kafka's `ProducerStateEntry` and `ProducerAppendInfo`: the last five batches of a producer
are known, so that one sent again is answered with the offset it got the first time.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final, NamedTuple

from simulator.log.batches import Batch
from simulator.log.errors import OutOfOrderSequence, ProducerFenced

KEPT_BATCHES: Final = 5
"""As many as a producer may have in flight."""

MAX_PRODUCERS: Final = 10_000
"""Producers a partition remembers; the one that was silent longest is forgotten, as Kafka does
after `producer.id.expiration.ms`. From one that is not known any sequence is accepted."""


class _Sent(NamedTuple):
    base_sequence: int
    last_sequence: int
    base_offset: int


class _Producer:
    __slots__ = ("epoch", "sent")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.sent: deque[_Sent] = deque(maxlen=KEPT_BATCHES)


class Producers:
    """The producers of one partition."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: OrderedDict[int, _Producer] = OrderedDict()

    def check(self, batch: Batch) -> int | None:
        """None if `batch` comes next; the offset that it has already if it was sent before.

        Raises ProducerFenced for an older epoch, and OutOfOrderSequence for a gap.
        """
        known = self._known.get(batch.producer_id)
        if known is None:
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
        expected = (known.sent[-1].last_sequence + 1) & 0x7FFFFFFF
        if batch.base_sequence != expected:
            raise OutOfOrderSequence(batch.producer_id, batch.base_sequence, expected)
        return None

    def appended(self, batch: Batch, base_offset: int) -> None:
        """Remember a batch that was checked and stored."""
        known = self._known.get(batch.producer_id)
        if known is None or known.epoch != batch.producer_epoch:
            known = self._known[batch.producer_id] = _Producer(batch.producer_epoch)
        known.sent.append(_Sent(batch.base_sequence, batch.last_sequence, base_offset))
        self._known.move_to_end(batch.producer_id)
        if len(self._known) > MAX_PRODUCERS:
            self._known.popitem(last=False)

    def clear(self) -> None:
        """Forget everybody."""
        self._known.clear()
