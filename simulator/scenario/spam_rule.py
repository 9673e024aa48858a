"""The spam rule: the same text a number of times within a duration."""

from __future__ import annotations

from collections import deque

_SWEEP_ABOVE = 64


class SpamHistory:
    """What one user has sent lately: when, by text."""

    __slots__ = ("sweep_above", "times")

    def __init__(self) -> None:
        self.times: dict[str, deque[int]] = {}
        self.sweep_above = _SWEEP_ABOVE

    def copy(self) -> SpamHistory:
        """Return a history that changes by itself."""
        other = SpamHistory()
        other.times = {text: times.copy() for text, times in self.times.items()}
        other.sweep_above = self.sweep_above
        return other


class SpamRule:
    """`repeats` messages with the same text, the first and the last at most `window_ns` apart.

    Texts are compared exactly; other texts in between do not matter, nor does the recipient. Only
    messages that were sent count, not those that the service refused.
    """

    __slots__ = ("_repeats", "_window")

    def __init__(self, repeats: int, window_ns: int) -> None:
        """`repeats` is at least 1."""
        self._repeats = repeats
        self._window = window_ns

    def note(self, history: SpamHistory, text: str, now_ns: int) -> bool:
        """Take note of a message that was sent; return whether it completes a spam."""
        times = history.times.get(text)
        if times is None:
            if len(history.times) >= history.sweep_above:
                self._sweep(history, now_ns)
            times = history.times[text] = deque(maxlen=self._repeats)
        times.append(now_ns)
        return len(times) == self._repeats and now_ns - times[0] <= self._window

    def is_idle(self, history: SpamHistory, now_ns: int) -> bool:
        """Whether nothing in the history can count towards a spam any more."""
        return all(now_ns - times[-1] > self._window for times in history.times.values())

    def _sweep(self, history: SpamHistory, now_ns: int) -> None:
        """Forget texts that are too old to count, at a cost that is spread over many messages."""
        window = self._window
        kept = {t: times for t, times in history.times.items() if now_ns - times[-1] <= window}
        history.times = kept
        history.sweep_above = max(_SWEEP_ABOVE, 2 * len(kept))
