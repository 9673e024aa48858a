"""Which leader wrote which records of a partition (KIP-101, KIP-320)."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, NamedTuple

UNDEFINED: Final = -1

FrozenEpochs = tuple[tuple[int, ...], tuple[int, ...]]
"""Epochs and their first offsets."""

FIRST_EPOCH: Final[FrozenEpochs] = ((0,), (0,))
"""Of a partition that is empty."""


class EpochEnd(NamedTuple):
    """The largest epoch up to an asked one, and the offset behind its records; or UNDEFINED."""

    epoch: int
    end_offset: int


class LeaderEpochs:
    """The epochs that have records, each with its first offset, as `LeaderEpochFileCache` has them.

    Both numbers grow along the list. A partition begins with epoch 0 at offset 0.
    """

    __slots__ = ("_epochs", "_starts")

    def __init__(self) -> None:
        self._epochs = [0]
        self._starts = [0]

    @property
    def latest(self) -> int:
        """The epoch of the present leader."""
        return self._epochs[-1]

    def begin(self, epoch: int, offset: int) -> None:
        """A leader begins at `offset`, the end; epochs that have no record are forgotten."""
        while self._starts and self._starts[-1] >= offset:
            self._starts.pop()
            self._epochs.pop()
        self._epochs.append(epoch)
        self._starts.append(offset)

    def cut_front(self, offset: int) -> None:
        """The records before `offset` are deleted, and epochs that had no others forgotten."""
        gone = bisect_right(self._starts, offset) - 1
        if gone >= 0:
            del self._epochs[:gone], self._starts[:gone]
            self._starts[0] = offset

    def end_of(self, epoch: int, log_end: int) -> EpochEnd:
        """Where the records of `epoch` and of those before it end (`endOffsetFor`)."""
        if epoch == self.latest:
            return EpochEnd(epoch, log_end)
        after = bisect_right(self._epochs, epoch)
        if epoch == UNDEFINED or after == len(self._epochs):
            return EpochEnd(UNDEFINED, UNDEFINED)
        found = self._epochs[after - 1] if after else epoch
        return EpochEnd(found, self._starts[after])

    def epoch_at(self, offset: int) -> int:
        """The epoch in which the record at `offset` was written."""
        return self._epochs[max(bisect_right(self._starts, offset) - 1, 0)]

    def freeze(self) -> FrozenEpochs:
        """What there is now, for `restore`."""
        return tuple(self._epochs), tuple(self._starts)

    def restore(self, frozen: FrozenEpochs, end: int) -> None:
        """Have again what was frozen when the log ended at `end`; the leader is the present one."""
        latest = self.latest
        self._epochs, self._starts = list(frozen[0]), list(frozen[1])
        if latest != self.latest:
            self.begin(latest, end)
