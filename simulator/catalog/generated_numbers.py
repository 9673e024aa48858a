"""Numbers made by chance, within the bounds of a schema."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from simulator.catalog.schemas import Schema

if TYPE_CHECKING:
    from simulator.catalog.generation import Chance

SPREAD: Final = 1000
"""How far numbers go from a bound, or from nought, where nothing bounds them on the other side."""


def number(schema: Schema, *, whole: bool) -> Callable[[Chance], Any]:
    """What makes numbers, or whole numbers."""
    low, high = _bounds(schema)
    if whole:
        bits = 31 if schema.get("format") == "int32" else 63
        low, high = max(low, -(2**bits)), min(high, 2**bits - 1)
    step = schema.get("multipleOf", 1 if whole else 0)
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if not step:
        return _between(low, high, above, below)
    first, last = -(-low // step), high // step
    if first * step == above:
        first += 1
    if last * step == below:
        last -= 1
    count = max(int(last - first), 0) + 1
    if whole:
        return lambda chance: int(step * (first + int(chance.random() * count)))
    exact = Decimal(str(step))  # 0.07 is a multiple of 0.01, 7 * 0.01 is not
    return lambda chance: float(exact * (int(first) + int(chance.random() * count)))


def _bounds(schema: Schema) -> tuple[Any, Any]:
    lows = [schema[key] for key in ("minimum", "exclusiveMinimum") if key in schema]
    highs = [schema[key] for key in ("maximum", "exclusiveMaximum") if key in schema]
    low = max(lows, default=None)
    high = min(highs, default=None)
    if low is None:
        low = 0 if high is None or high >= 0 else high - SPREAD
    return low, low + SPREAD if high is None else high


def _between(low: Any, high: Any, above: Any, below: Any) -> Callable[[Chance], float]:
    width = high - low

    def make(chance: Chance) -> float:
        made: float = low + width * chance.random()
        return low + width / 2 if made in (above, below) else made

    return make
