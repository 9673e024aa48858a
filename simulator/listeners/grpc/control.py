"""What the listener asks of whoever composed the simulator."""

from __future__ import annotations

from typing import Protocol


class Control(Protocol):
    """Resets and snapshots concern every room, so only the composition root can do them."""

    def reset(self) -> None:
        """Empty the simulator; the topics it began with stay, empty."""

    def snapshot(self) -> str:
        """Keep the present state; return its id. May raise `TooManySnapshots`."""

    def restore(self, snapshot_id: str) -> None:
        """Go back to a kept state, or raise `SnapshotNotFound`."""

    def drop_snapshot(self, snapshot_id: str) -> None:
        """Forget a kept state, or raise `SnapshotNotFound`."""
