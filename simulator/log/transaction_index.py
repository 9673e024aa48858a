"""What a partition knows of transactions: which are open, which were aborted, what is no event.

As in Kafka's `ProducerStateManager` and `TransactionIndex`. A snapshot shares the lists, which are
then copied before they are written to.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

Span = tuple[int, int]
"""Offsets from the first up to and without the second."""


class OpenTransaction(NamedTuple):
    """Records that are neither committed nor aborted; `spans` are their offsets, in order."""

    producer_epoch: int
    first_offset: int
    spans: list[Span]


class AbortedTransaction(NamedTuple):
    """An aborted transaction, from its first record to its marker, both inclusive.

    `last_stable_offset` is that of the partition when the marker had been written.
    """

    producer_id: int
    first_offset: int
    last_offset: int
    last_stable_offset: int


class TransactionIndexState(NamedTuple):
    """An index, frozen."""

    open: dict[int, OpenTransaction]
    aborted: list[AbortedTransaction]
    hidden: tuple[list[int], list[int]]


NO_TRANSACTIONS: Final = TransactionIndexState({}, [], ([], []))
"""Of every partition at its beginning; always copied before it is written to."""


class TransactionIndex:
    """The transactions of one partition.

    `hidden` are the offsets of what readers of committed events pass over: markers, records of
    aborted transactions, what compaction has deleted, and gaps in a copy of another log. They are
    kept as sorted, disjoint spans.
    """

    __slots__ = ("_aborted", "_hidden", "_open", "_shared")

    def __init__(self, state: TransactionIndexState = NO_TRANSACTIONS) -> None:
        self.restore(state)

    # What there is

    @property
    def open(self) -> dict[int, OpenTransaction]:
        """The open transactions by producer id, the one that began first in front."""
        return self._open

    def first_unstable_offset(self) -> int | None:
        """Where the oldest open transaction begins."""
        for transaction in self._open.values():
            return transaction.first_offset
        return None

    def is_open(self, producer_id: int, producer_epoch: int) -> bool:
        """Whether the producer has an open transaction here in just this epoch."""
        found = self._open.get(producer_id)
        return found is not None and found.producer_epoch == producer_epoch

    def aborted_between(self, start: int, stop: int) -> list[AbortedTransaction]:
        """Those aborted with records or marker from `start` on that began before `stop`.

        In the order in which they ended (Kafka: `TransactionIndex.collectAbortedTxns`).
        """
        found = []
        low = bisect_left(self._aborted, start, key=_last_offset)
        for index in range(low, len(self._aborted)):
            transaction = self._aborted[index]
            if transaction.first_offset < stop:
                found.append(transaction)
            if transaction.last_stable_offset >= stop:
                break
        return found

    def next_visible(self, offset: int) -> int:
        """The first offset from `offset` on that is not hidden."""
        starts, ends = self._hidden
        index = bisect_right(starts, offset) - 1
        return max(offset, ends[index]) if index >= 0 else offset

    def visible(self, low: int, high: int) -> Iterator[Span]:
        """The spans of what is not hidden from `low` up to `high`."""
        starts, ends = self._hidden
        if not starts or starts[-1] < low >= ends[-1] or starts[0] >= high:
            if low < high:
                yield low, high
            return
        index = max(bisect_right(starts, low) - 1, 0)
        while low < high:
            if index < len(starts) and starts[index] < high:
                if low < starts[index]:
                    yield low, starts[index]
                low = max(low, ends[index])
                index += 1
            else:
                yield low, high
                return

    # What happens

    def wrote(self, producer_id: int, producer_epoch: int, first: int, stop: int) -> None:
        """Note records of a transaction, which begins with them where none is open."""
        self._own()
        found = self._open.get(producer_id)
        if found is None:
            self._open[producer_id] = OpenTransaction(producer_epoch, first, [(first, stop)])
        elif found.spans[-1][1] == first:
            found.spans[-1] = (found.spans[-1][0], stop)
        else:
            found.spans.append((first, stop))

    def ended(self, producer_id: int, marker_offset: int, *, aborted: bool) -> None:
        """Note the marker that ends the producer's transaction; there need not be any."""
        self._own()
        found = self._open.pop(producer_id, None)
        if found is not None and aborted:
            for first, stop in found.spans:
                self._hide(first, stop)
            unstable = self.first_unstable_offset()
            stable = marker_offset + 1 if unstable is None else unstable
            self._aborted.append(
                AbortedTransaction(producer_id, found.first_offset, marker_offset, stable)
            )
        self._hide(marker_offset, marker_offset + 1)

    def skipped(self, first: int, stop: int) -> None:
        """Note that nothing lies there, behind all that is known so far."""
        self._own()
        self._hide(first, stop)

    def _hide(self, first: int, stop: int) -> None:
        """Add a span that is disjoint with all others to what is hidden."""
        starts, ends = self._hidden
        index = bisect_right(starts, first)
        joins_left = index > 0 and ends[index - 1] == first
        joins_right = index < len(starts) and starts[index] == stop
        if joins_left and joins_right:
            ends[index - 1] = ends[index]
            del starts[index], ends[index]
        elif joins_left:
            ends[index - 1] = stop
        elif joins_right:
            starts[index] = first
        else:
            starts.insert(index, first)
            ends.insert(index, stop)

    def cut(self, start: int) -> None:
        """Forget what concerns only records before `start`; an open transaction stays open."""
        _, ends = self._hidden
        gone = bisect_right(ends, start)
        over = bisect_left(self._aborted, start, key=_last_offset)
        if not gone and not over:
            return
        self._own()
        starts, ends = self._hidden
        del starts[:gone], ends[:gone]
        del self._aborted[:over]

    # Snapshots

    def freeze(self) -> TransactionIndexState:
        """The index as it is, not to be changed by anything that comes after."""
        self._shared = True
        return TransactionIndexState(self._open, self._aborted, self._hidden)

    def restore(self, state: TransactionIndexState) -> None:
        """Be again what was frozen."""
        self._open, self._aborted, self._hidden = state
        self._shared = True

    def _own(self) -> None:
        if self._shared:
            starts, ends = self._hidden
            self._open = {
                producer: found._replace(spans=list(found.spans))
                for producer, found in self._open.items()
            }
            self._aborted = list(self._aborted)
            self._hidden = (list(starts), list(ends))
            self._shared = False

    # Compaction

    def keep_only(self, offsets: Sequence[int], span: Span) -> None:
        """Hide everything of a span, where no transaction is open, but these offsets.

        What ended in it is forgotten: compaction has left neither its records nor its marker.
        """
        self._own()
        first, stop = span
        starts, ends = [], []
        for offset in offsets:
            if first < offset:
                starts.append(first)
                ends.append(offset)
            first = offset + 1
        if first < stop:
            starts.append(first)
            ends.append(stop)
        for begin, end in zip(*self._hidden, strict=True):
            if end > stop:
                begin = max(begin, stop)
                if ends and ends[-1] == begin:
                    ends[-1] = end
                else:
                    starts.append(begin)
                    ends.append(end)
        self._hidden = (starts, ends)
        self._aborted = [found for found in self._aborted if found.last_offset >= stop]


def _last_offset(transaction: AbortedTransaction) -> int:
    return transaction.last_offset
