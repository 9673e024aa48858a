"""One-shot callbacks for readers that have caught up with the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

Callback = Callable[[], None]

_ANY: Final = None


class Waiters:
    """Callbacks by the topic they wait for, so that an append wakes only its own readers.

    `by_topic` is empty when no append can wake anybody; the append path looks at nothing else.
    """

    __slots__ = ("_callbacks", "by_topic")

    def __init__(self) -> None:
        self._callbacks: dict[Callback, tuple[str | None, ...]] = {}
        self.by_topic: dict[str | None, dict[Callback, None]] = {}

    def add(self, callback: Callback, topics: Iterable[str] | None) -> None:
        """Call `callback` once at the next change of one of `topics`, of any if None.

        Whatever the topics, also none at all, it is called by `wake_all`.
        A callback that waits already now waits for these topics instead.
        """
        self.discard(callback)
        wanted = (_ANY,) if topics is None else tuple(dict.fromkeys(topics))
        self._callbacks[callback] = wanted
        for topic in wanted:
            self.by_topic.setdefault(topic, {})[callback] = None

    def discard(self, callback: Callback) -> None:
        """Forget `callback`, if it waits."""
        for topic in self._callbacks.pop(callback, ()):
            waiting = self.by_topic[topic]
            del waiting[callback]
            if not waiting:
                del self.by_topic[topic]

    def wake(self, topic: str) -> None:
        """Call those who wait for `topic` or for any."""
        self._call([*self.by_topic.get(topic, ()), *self.by_topic.get(_ANY, ())])

    def wake_all(self) -> None:
        """Call everybody."""
        self._call(list(self._callbacks))

    def _call(self, callbacks: list[Callback]) -> None:
        for callback in callbacks:
            # An earlier callback may have cancelled this one, or woken it by an append.
            if callback in self._callbacks:
                self.discard(callback)
                callback()
