"""One-shot callbacks for readers that have caught up with the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

Callback = Callable[[], None]

_ANY: Final = None


class Waiters:
    """Callbacks by the topic they wait for, so that an append wakes only its own readers.

    `callbacks` is empty exactly when nobody waits; the append path looks at nothing else.
    """

    __slots__ = ("_by_topic", "callbacks")

    def __init__(self) -> None:
        self.callbacks: dict[Callback, tuple[str | None, ...]] = {}
        self._by_topic: dict[str | None, dict[Callback, None]] = {}

    def add(self, callback: Callback, topics: Iterable[str] | None) -> None:
        """Call `callback` once at the next change of one of `topics`, of any if None.

        A callback that waits already now waits for these topics instead.
        """
        self.discard(callback)
        wanted = (_ANY,) if topics is None else tuple(dict.fromkeys(topics))
        self.callbacks[callback] = wanted
        for topic in wanted:
            self._by_topic.setdefault(topic, {})[callback] = None

    def discard(self, callback: Callback) -> None:
        """Forget `callback`, if it waits."""
        for topic in self.callbacks.pop(callback, ()):
            waiting = self._by_topic[topic]
            del waiting[callback]
            if not waiting:
                del self._by_topic[topic]

    def wake(self, topic: str) -> None:
        """Call those who wait for `topic` or for any."""
        self._call([*self._by_topic.get(topic, ()), *self._by_topic.get(_ANY, ())])

    def wake_all(self) -> None:
        """Call everybody."""
        self._call(list(self.callbacks))

    def _call(self, callbacks: list[Callback]) -> None:
        for callback in callbacks:
            # An earlier callback may have cancelled this one, or woken it by an append.
            if callback in self.callbacks:
                self.discard(callback)
                callback()
