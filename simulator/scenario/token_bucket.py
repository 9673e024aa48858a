"""A token bucket in exact integer time, whose state for each user is one integer.

The bucket holds `messages` tokens when full and gains them evenly, `messages` per `window`. It is
kept the other way round, as the instant at which it would be full again (the "theoretical arrival
time" of the generic cell rate algorithm, ITU-T I.371): taking a token moves that instant by the
time that one token takes, and a token is there as long as the instant lies no further ahead than
the window. A token need not take a whole number of nanoseconds, so instants are counted in
fractions of a nanosecond that make it one.
"""

from __future__ import annotations

from math import gcd
from typing import Final

FULL: Final = 0
"""The state of a bucket that has not been used since the epoch or is full again."""


class TokenBucket:
    """The rule of one limit; states are handed in and out."""

    __slots__ = ("_cost", "_reach", "_scale")

    def __init__(self, messages: int, window_ns: int) -> None:
        """`messages` tokens for every `window_ns` nanoseconds; both at least 1."""
        if messages < 1 or window_ns < 1:
            raise ValueError(f"no such token bucket: {messages} per {window_ns} ns")
        common = gcd(messages, window_ns)
        self._scale = messages // common
        self._cost = window_ns // common
        self._reach = window_ns * self._scale

    def take(self, state: int, now_ns: int) -> int:
        """Take a token at this time: return the new state, or -1 where there is none.

        A refusal takes nothing, so the old state still holds.
        """
        now = now_ns * self._scale
        after = (state if state > now else now) + self._cost
        return -1 if after - now > self._reach else after

    def is_full(self, state: int, now_ns: int) -> bool:
        """Whether the bucket is full at this time, that is, as good as new."""
        return state <= now_ns * self._scale
