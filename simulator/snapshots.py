"""Kept states of a whole simulator: its log, its chat service and its clock, under one id."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.errors import SimulatorError
from simulator.log import Snapshot, TopicLog
from simulator.scenario.clock import RealClock, VirtualClock
from simulator.scenario.live_chat import ChatState, LiveChat

MAX_SNAPSHOTS = 1000
"""Snapshots share what they have in common, but each keeps what was deleted since alive."""


class SnapshotNotFound(SimulatorError):
    """No state is kept under that id."""


class TooManySnapshots(SimulatorError):
    """The bound on kept states is reached."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything that `restore` brings back; `now_ns` is None for a clock that runs by itself."""

    log: Snapshot
    chat: ChatState
    now_ns: int | None


class Snapshots:
    """Takes, keeps and brings back states."""

    def __init__(self, log: TopicLog, chat: LiveChat, clock: VirtualClock | RealClock) -> None:
        """The rooms whose state is kept."""
        self._log = log
        self._chat = chat
        self._clock = clock
        self._kept: dict[str, State] = {}
        self._taken = 0

    def take(self) -> str:
        """Keep the present state; return its id."""
        if len(self._kept) >= MAX_SNAPSHOTS:
            raise TooManySnapshots(
                f"{MAX_SNAPSHOTS} snapshots are kept already: drop those no longer needed"
            )
        self._taken += 1
        snapshot_id = f"snapshot-{self._taken}"
        clock = self._clock
        now_ns = clock.now_ns() if isinstance(clock, VirtualClock) else None
        self._kept[snapshot_id] = State(self._log.snapshot(), self._chat.snapshot(), now_ns)
        return snapshot_id

    def find(self, snapshot_id: str) -> State:
        """Return a kept state, or raise `SnapshotNotFound`."""
        try:
            return self._kept[snapshot_id]
        except KeyError:
            raise SnapshotNotFound(
                f"no snapshot {snapshot_id!r} is kept"
                + (f" (there are {', '.join(self._kept)})" if 0 < len(self._kept) <= 5 else "")
            ) from None

    def restore(self, state: State) -> None:
        """Bring a state back."""
        self._log.restore(state.log)
        self._chat.restore(state.chat)
        if state.now_ns is not None and isinstance(self._clock, VirtualClock):
            self._clock.restart(state.now_ns)

    def drop(self, snapshot_id: str) -> None:
        """Forget a kept state; raises `SnapshotNotFound`."""
        self.find(snapshot_id)
        del self._kept[snapshot_id]
