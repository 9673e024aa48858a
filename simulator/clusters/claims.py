"""What became of records on their way to a cluster, for those who wait for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

from simulator.errors import SimulatorError
from simulator.log import RecordPlace

SEEN_S: Final = 5.0
"""How long an answer waits, once the cluster has a record, until it has come back from there."""


class Claim:
    """Follows the records that were appended to the outbox within its blocks.

    A record is open until the cluster has answered, then unseen until it has come back.
    """

    def __init__(self, claims: Claims, *, places: bool) -> None:
        self._claims = claims
        self._first = 0
        self._open = 0
        self._unseen = 0
        self._places: dict[int, RecordPlace] | None = {} if places else None
        self._error: SimulatorError | None = None
        self._failed = 0
        self._changed = asyncio.Event()

    def __enter__(self) -> Self:
        self._first = self._claims.position()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        records = self._claims.add(self, self._first)
        self._open += records

    async def written(self) -> Sequence[RecordPlace]:
        """Return when the cluster has all; see `publishing.Claim`.

        It then waits a little for the records to come back, so that they can be read here; what
        an open transaction of somebody else holds up is not waited for any longer.
        """
        await self._until(lambda: not self._open)
        error, self._error = self._error, None
        failed, self._failed = self._failed, 0
        if error is not None:
            raise error if failed == 1 else type(error)(f"{error} ({failed} records in all)")
        try:
            async with asyncio.timeout(SEEN_S):
                await self._until(lambda: not self._unseen)
        except TimeoutError:
            pass
        return [place for _, place in sorted(self._places.items())] if self._places else ()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._changed.clear()
            await self._changed.wait()

    # What happens

    def adopt(self) -> None:
        """Follow a record that was appended outside of all blocks."""
        self._open += 1

    def took(self, position: int, place: RecordPlace) -> None:
        """The cluster has the record that was appended at this position."""
        self._open -= 1
        self._unseen += 1
        if self._places is not None:
            self._places[position] = place
        self._changed.set()

    def saw(self) -> None:
        """A record that the cluster took can be read here."""
        self._unseen -= 1
        self._changed.set()

    def fail(self, error: SimulatorError) -> None:
        """The cluster does not have a record, or nobody knows."""
        self._open -= 1
        self._failed += 1
        self._error = self._error or error
        self._changed.set()


class Claims:
    """Whose the records of an outbox are, by position; asked in order, as records leave it."""

    def __init__(self, position: Callable[[], int]) -> None:
        """`position` says which position the next record gets."""
        self.position = position
        self.others = Claim(self, places=False)
        """Follows what no other claim does."""
        self._spans: deque[tuple[int, int, Claim]] = deque()

    def add(self, claim: Claim, first: int) -> int:
        """Note that a claim has what was appended from `first` on; return how many records."""
        end = self.position()
        if end > first:
            self._spans.append((first, end, claim))
        return max(end - first, 0)

    def of(self, position: int) -> Claim:
        """Whose a record is; positions behind it were asked for before."""
        while self._spans and self._spans[0][1] <= position:
            self._spans.popleft()
        if self._spans and self._spans[0][0] <= position:
            return self._spans[0][2]
        self.others.adopt()
        return self.others
