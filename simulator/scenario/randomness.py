"""The one source of chance: seeded, forkable, and the same to the bit on every machine.

Python promises that `random.Random(seed).random()` keeps its sequence across versions, and
`getrandbits()` reads the same Mersenne Twister words; everything else of that class may change
and some of it calls the C library's `log`, which differs between platforms in the last bit. So
only these two are used here, and the rest is built from integers and from `+`, `*` and
comparisons of IEEE doubles, which round the same way everywhere.
"""

from __future__ import annotations

import hashlib
import random
from binascii import hexlify
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from itertools import chain
from typing import Any, Final, TypeVar

T = TypeVar("T")

_LN2: Final = 0.6931471805599453
_Q: Final = (
    0.6931471805599453,
    0.933373687519046,
    0.9888777961838676,
    0.9984959252914961,
    0.9998292811061389,
    0.9999833164100728,
    0.9999985691438767,
    0.9999998906925558,
    0.9999999924734159,
    0.9999999995283275,
    0.9999999999728814,
    0.9999999999985598,
    0.999999999999929,
    0.9999999999999968,
    0.9999999999999999,
    1.0,
)
"""Q[k] = sum of ln(2)^i / i! for i = 1..k: the table of Knuth's Algorithm S (TAOCP 2, 3.4.1)."""

_VERSION: Final = bytes(0x40 | byte & 0x0F for byte in range(256))
_VARIANT: Final = bytes(0x80 | byte & 0x3F for byte in range(256))
_PLACES: Final = tuple(place for place in range(36) if place not in (8, 13, 18, 23))
"""Where the 32 digits of a UUID stand in its text."""

_FIRST_BLOCK: Final = 4
_LARGEST_BLOCK: Final = 256


class Randomness:
    """A stream of random draws that depends on nothing but its seed.

    `Randomness(7)` and `Randomness("7")` are the same stream. `fork(label)` gives a stream of its
    own for one part of a story; it depends on the seed and the label, never on how much has been
    drawn before, so a change in one part leaves the other parts as they were.
    """

    __slots__ = ("_seed", "bits", "random")

    def __init__(self, seed: int | str) -> None:
        self._seed = str(seed)
        digest = hashlib.sha256(self._seed.encode("utf-8", "surrogatepass")).digest()
        source = random.Random(int.from_bytes(digest, "big"))
        self.random = source.random
        """A double in [0, 1)."""
        self.bits = source.getrandbits
        """An integer of so many random bits."""

    def fork(self, label: str | int) -> Randomness:
        """Return the stream that belongs to `label`; the same label gives the same stream."""
        text = f"{len(self._seed)}:{self._seed}/{label}"
        return Randomness(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())

    def below(self, bound: int) -> int:
        """Return an integer in [0, bound), every value equally likely; `bound` is at least 1."""
        if bound < 1:
            raise ValueError(f"below() needs a bound of at least 1, got {bound}")
        width = (bound - 1).bit_length()
        draw = self.bits(width)
        while draw >= bound:
            draw = self.bits(width)
        return draw

    def between(self, low: int, high: int) -> int:
        """Return an integer in [low, high], both ends included."""
        return low + self.below(high - low + 1)

    def choice(self, values: Sequence[T]) -> T:
        """Return one of the values, every one equally likely; there is at least one."""
        return values[self.below(len(values))]

    def weighted(self, weights: Sequence[float]) -> int:
        """Return an index, drawn in proportion to its weight; one weight at least is positive."""
        total = 0.0
        for weight in weights:
            total += weight
        if not total > 0.0:
            raise ValueError("weighted() needs a positive weight")
        draw = self.random() * total
        passed = 0.0
        last = 0
        for index, weight in enumerate(weights):
            if weight > 0.0:
                passed += weight
                last = index
                if draw < passed:
                    return index
        return last

    def shuffle(self, values: MutableSequence[Any]) -> None:
        """Bring the values into a random order, in place (Fisher-Yates)."""
        for last in range(len(values) - 1, 0, -1):
            other = self.below(last + 1)
            values[last], values[other] = values[other], values[last]

    def exponential(self, mean: int) -> int:
        """Return an exponentially distributed integer with this mean (Knuth's Algorithm S)."""
        draw = self.random()
        halvings = 0
        while True:
            draw += draw
            if draw < 1.0:
                break
            draw -= 1.0
            halvings += 1
        if draw < _LN2:
            return int((halvings * _LN2 + draw) * mean)
        smallest = min(self.random(), self.random())
        terms = 1
        while draw >= _Q[terms]:
            smallest = min(smallest, self.random())
            terms += 1
        return int((halvings + smallest) * _LN2 * mean)

    def normal(self, mean: int, deviation: int) -> int:
        """Return a nearly normally distributed integer.

        The sum of twelve uniform draws, less six, has mean 0 and variance 1 and is close to
        normal up to three deviations (Irwin-Hall); it never leaves six.
        """
        draw = self.random
        total = draw() + draw() + draw() + draw() + draw() + draw()
        total += draw() + draw() + draw() + draw() + draw() + draw()
        return mean + int((total - 6.0) * deviation)

    def uuids(self) -> Callable[[], str]:
        """Return a function that draws random UUIDs (RFC 9562, version 4) with dashes.

        It makes many at a time, which is several times as quick as one by one.
        """
        return chain.from_iterable(map(_dashed, self._blocks())).__next__

    def compact_uuids(self) -> Callable[[], str]:
        """Return a function that draws such UUIDs without dashes, the platform's own form."""
        return chain.from_iterable(map(_compact, self._blocks())).__next__

    def hex128s(self) -> Callable[[], str]:
        """Return a function that draws 32 hex digits."""
        return chain.from_iterable(map(_digits, self._blocks())).__next__

    def _blocks(self) -> Iterator[bytearray]:
        """Random bytes for more and more draws: most users need few, crowds very many."""
        size = _FIRST_BLOCK
        while True:
            yield bytearray(self.bits(size * 128).to_bytes(size * 16, "big"))
            size = min(2 * size, _LARGEST_BLOCK)


def _digits(block: bytearray) -> list[str]:
    return block.hex(" ", 16).split()


def _compact(block: bytearray) -> list[str]:
    return _digits(_marked(block))


def _dashed(block: bytearray) -> list[str]:
    """Spread the digits of all UUIDs over their places at once: column by column."""
    digits = hexlify(_marked(block))
    text = bytearray(b"........-....-....-....-............ " * (len(block) // 16))
    for digit, place in enumerate(_PLACES):
        text[place::37] = digits[digit::32]
    return text.decode().split()


def _marked(block: bytearray) -> bytearray:
    """Set version and variant (RFC 9562, sections 4.1 and 5.4) of every 16 bytes."""
    block[6::16] = block[6::16].translate(_VERSION)
    block[8::16] = block[8::16].translate(_VARIANT)
    return block
