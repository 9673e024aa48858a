"""Single values between JSON and protobuf, by protobuf type.

The rules are those of proto3's JSON mapping (https://protobuf.dev/programming-guides/json/), with
64-bit integers as plain numbers in JSON.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from simulator.catalog.plain_json import member, shown

if TYPE_CHECKING:
    from google.protobuf.descriptor import EnumDescriptor

Convert = Callable[[Any], Any]

MAX_STRUCT_DEPTH = 30
"""Objects and arrays inside a Struct. Each costs three nested messages on the wire, and protobuf
parsers stop at a hundred."""
_EXACT = 2**53
"""Up to here a double holds every integer."""
_FLOAT32_MAX = (2 - 2**-23) * 2.0**127
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Unconvertible(Exception):
    """A value that a field cannot hold; `path`, relative to the event, grows on the way out."""

    def __init__(self, reason: str, path: str = "") -> None:
        self.reason = reason
        self.path = path
        super().__init__(reason)

    def below(self, name: str | int) -> Unconvertible:
        """The same error as seen from one level up."""
        here = f"[{name}]" if isinstance(name, int) else member("", name)
        return Unconvertible(self.reason, f"{here}{self.path}")


def to_string(value: Any) -> str:
    """Text that UTF-8 can hold."""
    if not isinstance(value, str):
        raise _unlike("a string", value)
    return value


def to_bool(value: Any) -> bool:
    """True or false, and nothing else."""
    if value is True or value is False:
        return value
    raise _unlike("a boolean", value)


def to_integer(bits: int, *, signed: bool) -> Convert:
    """Reads an integer of so many bits: a number, whole if a float, or a string of digits."""
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    kind = f"{'a signed' if signed else 'an unsigned'} integer of {bits} bits"

    def convert(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            number = value
        elif (isinstance(value, float) and value.is_integer()) or _is_digits(value):
            number = int(value)
        else:
            raise _unlike(kind, value)
        if low <= number <= high:
            return number
        raise _unlike(kind, value)

    return convert


def to_float(value: Any) -> float:
    """A number, or the words that JSON has for what is no number."""
    if isinstance(value, str):
        if value in _WORDS:
            return _WORDS[value]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            raise _unlike("a number", value) from None
        if math.isfinite(number):
            return number
    raise _unlike('a number, "NaN", "Infinity" or "-Infinity"', value)


def to_float32(value: Any) -> float:
    """As `to_float`, within the range of 32 bits."""
    number = to_float(value)
    if math.isfinite(number) and abs(number) > _FLOAT32_MAX:
        raise _unlike("a number of 32 bits", value)
    return number


def from_double(value: float) -> float | str:
    """The number, or its word: JSON has no NaN."""
    if math.isfinite(value):
        return value
    return next(word for word, number in _WORDS.items() if str(number) == str(value))


def from_float(value: float) -> float | str:
    """As `from_double`, with the fewest digits that a 32-bit float needs."""
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        if math.isfinite(value) and struct.pack("<f", short) == struct.pack("<f", value):
            return short
    return from_double(value)


def to_bytes(value: Any) -> bytes:
    """Base64, standard or URL-safe, with or without padding."""
    if isinstance(value, str):
        standard = value.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
        except (binascii.Error, ValueError):
            pass
    raise _unlike("base64", value)


def from_bytes(value: bytes) -> str:
    """Standard base64."""
    return base64.b64encode(value).decode()


def to_enum(enum: EnumDescriptor) -> Convert:
    """Reads a value of an enum by name or number."""
    numbers = {value.name: value.number for value in enum.values}

    def convert(value: Any) -> int:
        if isinstance(value, str) and value in numbers:
            return int(numbers[value])
        if type(value) is int and -(2**31) <= value < 2**31:
            return value
        raise _unlike(f"one of {', '.join(numbers)}", value)

    return convert


def from_enum(enum: EnumDescriptor) -> Convert:
    """The name of an enum's value, or its number where it has no name."""
    names = {value.number: value.name for value in enum.values}
    return lambda value: names.get(value, value)


def fill_struct(target: Any, value: Any, depth: int = MAX_STRUCT_DEPTH) -> None:
    """Write a JSON object into an empty Struct."""
    if not isinstance(value, Mapping):
        raise _unlike("an object", value)
    for key, part in value.items():
        if not isinstance(key, str):
            raise Unconvertible(f"{shown(key)} is the name of a field but no string")
        try:
            fill_value(target.fields[key], part, depth - 1)
        except Unconvertible as error:
            raise error.below(key) from None
        except UnicodeEncodeError:
            raise _not_text(key) from None


def fill_list(target: Any, value: Any, depth: int = MAX_STRUCT_DEPTH) -> None:
    """Write a JSON array into an empty ListValue."""
    if not isinstance(value, list | tuple):
        raise _unlike("an array", value)
    for index, part in enumerate(value):
        try:
            fill_value(target.values.add(), part, depth - 1)
        except Unconvertible as error:
            raise error.below(index) from None


def fill_value(target: Any, value: Any, depth: int = MAX_STRUCT_DEPTH) -> None:
    """Write any JSON value into an empty Value."""
    if depth < 0:
        raise Unconvertible(f"nested more than {MAX_STRUCT_DEPTH} deep, which protobuf cannot read")
    if value is None:
        target.null_value = 0
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        number = to_float(value)
        target.number_value = number
    elif isinstance(value, str):
        try:
            target.string_value = value
        except UnicodeEncodeError:
            raise _not_text(value) from None
    elif isinstance(value, Mapping):
        target.struct_value.SetInParent()
        fill_struct(target.struct_value, value, depth)
    elif isinstance(value, list | tuple):
        target.list_value.SetInParent()
        fill_list(target.list_value, value, depth)
    else:
        raise _unlike("a JSON value", value)


def from_struct(message: Any) -> dict[str, Any]:
    """A Struct as a JSON object; its keys in order, since protobuf keeps none."""
    return {key: from_value(message.fields[key]) for key in sorted(message.fields)}


def from_list(message: Any) -> list[Any]:
    """A ListValue as a JSON array."""
    return [from_value(value) for value in message.values]


def from_value(message: Any) -> Any:
    """A Value as JSON; whole numbers that a double holds exactly are integers."""
    kind = message.WhichOneof("kind")
    if kind == "number_value":
        number = message.number_value
        if number.is_integer() and abs(number) <= _EXACT and str(number) != "-0.0":
            return int(number)
        return from_double(number)
    if kind == "struct_value":
        return from_struct(message.struct_value)
    if kind == "list_value":
        return from_list(message.list_value)
    return None if kind in (None, "null_value") else getattr(message, kind)


def check_text(value: Any) -> None:
    """Raises Unconvertible where a string, or one of a list, is nothing that UTF-8 can hold."""
    for index, part in enumerate(value if isinstance(value, list | tuple) else ()):
        try:
            check_text(part)
        except Unconvertible as error:
            raise error.below(index) from None
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _not_text(value) from None


def _not_text(value: str) -> Unconvertible:
    return Unconvertible(f"{shown(value)} has half a surrogate pair, which is no text")


def _is_digits(value: Any) -> bool:
    """Whether this is an integer of at most 64 bits written as text."""
    if not isinstance(value, str):
        return False
    digits = value.removeprefix("-")
    return digits.isascii() and digits.isdecimal() and len(digits) <= 20


def _unlike(wanted: str, value: Any) -> Unconvertible:
    return Unconvertible(f"expected {wanted}, not {shown(value)}")
