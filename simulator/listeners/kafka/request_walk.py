"""A walk over a request before the codec reads it, along the codec's own schema.

- The codec sets memory aside for as many elements as an array says it has: a request of a few bytes
  could ask for gigabytes, and end the program. No array may have more elements than bytes are left
  for it, and all arrays of a request together not more than `MAX_ELEMENTS`.
- What may not be null is not; what may be is -1 and no other negative size.
- Tagged fields that the codec does not know are left out, as a real broker ignores them (KIP-482).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import Field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Final, get_args, get_origin

from simulator.listeners.kafka.errors import ProtocolViolation

MAX_ELEMENTS: Final = 100_000
"""Far above what a client asks in one request; a real broker has only its heap."""

Data = bytes | memoryview

Dropped = tuple[int, int, bytes]
"""From where, to where, and what comes there."""


class _Walk:
    """One request: what is left of its elements, and the tagged fields that go."""

    __slots__ = ("dropped", "left")

    def __init__(self) -> None:
        self.left = MAX_ELEMENTS
        self.dropped: list[Dropped] = []


Step = Callable[[Data, int, _Walk], int]
"""Goes over one field: from where it begins to where it ends."""

_FIXED: Final = {
    "bool": 1,
    "int8": 1,
    "int16": 2,
    "uint16": 2,
    "error_code": 2,
    "int32": 4,
    "uint32": 4,
    "timedelta_i32": 4,
    "int64": 8,
    "timedelta_i64": 8,
    "datetime_i64": 8,
    "float64": 8,
    "uuid": 16,
}

_CLIENT_ID_AT: Final = 8
"""Behind API key, version and correlation id."""

_TAGGED_HEADER: Final = 2
"""The version of the header since which it has tagged fields."""


def checker_of(request: Any) -> Callable[[Data], Data]:
    """What checks a whole request of that class of the codec, header included.

    It returns the request as the codec can read it, or raises ProtocolViolation.
    """
    steps = [_skip(_CLIENT_ID_AT), _string(nullable=True)]
    if request.__header_schema__.__version__ >= _TAGGED_HEADER:
        steps.append(_tags({}))
    steps.append(_entity(request, bool(request.__flexible__)))

    def check(data: Data) -> Data:
        walk, at = _Walk(), 0
        try:
            for step in steps:
                at = step(data, at, walk)
        except IndexError:
            raise ProtocolViolation("it ends too early") from None
        return _without(data, walk.dropped) if walk.dropped else data

    return check


def _without(data: Data, dropped: Iterable[Dropped]) -> bytes:
    parts: list[Data] = []
    kept = 0
    for start, end, instead in dropped:
        parts += (data[kept:start], instead)
        kept = end
    return b"".join((*parts, data[kept:]))


def _entity(entity: Any, flexible: bool) -> Step:
    """All fields of a structure; what has a fixed size is passed in one go."""
    steps: list[Step | int] = []
    known: dict[int, Step] = {}
    for field in fields(entity):
        step = _field(field, flexible)
        tag = field.metadata.get("tag")
        if tag is not None:
            known[tag] = _as_step(step)
        elif isinstance(step, int) and steps and isinstance(steps[-1], int):
            steps[-1] += step
        else:
            steps.append(step)
    if flexible:
        steps.append(_tags(known))
    made = tuple(_as_step(step) for step in steps)

    def pass_all(data: Data, at: int, walk: _Walk) -> int:
        for step in made:
            at = step(data, at, walk)
        return at

    return pass_all


def _as_step(step: Step | int) -> Step:
    return _skip(step) if isinstance(step, int) else step


def _skip(size: int) -> Step:
    return lambda data, at, walk: at + size


def _field(field: Field[Any], flexible: bool) -> Step | int:
    """One field, or its size where that is fixed."""
    kind, nullable = _not_null(field.type)
    if get_origin(kind) is not tuple:
        return _value(kind, field, flexible, nullable)
    element, element_nullable = _not_null(get_args(kind)[0])
    return _array(_value(element, field, flexible, element_nullable), flexible, nullable)


def _not_null(kind: Any) -> tuple[Any, bool]:
    """The type beside None, and whether there is None."""
    if get_origin(kind) is UnionType and NoneType in get_args(kind):
        (inner,) = (each for each in get_args(kind) if each is not NoneType)
        return inner, True
    return kind, False


def _value(kind: Any, field: Field[Any], flexible: bool, nullable: bool) -> Step | int:
    if is_dataclass(kind):
        inner = _entity(kind, flexible)
        return _optional(inner) if nullable else inner
    name = field.metadata["kafka_type"]
    if name in _FIXED:
        return _FIXED[name]
    if flexible:
        return _compact_nullable if nullable else _compact
    return _string(nullable) if name == "string" else _bytes(nullable)


def _optional(inner: Step) -> Step:
    """A structure behind a byte that says whether it is there (negative: not)."""
    return lambda data, at, walk: at + 1 if data[at] > 0x7F else inner(data, at + 1, walk)


def _array(element: Step | int, flexible: bool, nullable: bool) -> Step:
    def pass_elements(data: Data, at: int, walk: _Walk) -> int:
        if flexible:
            count, at = data[at] - 1, at + 1
            if count >= 0x7F:
                count, at = _varint(data, at - 1)
                count -= 1
        else:
            count, at = _number(data, at, 4), at + 4
        if count <= 0:
            return at if not count else _null(count, at, 0 if flexible else 4, nullable, walk)
        walk.left -= count
        if count > len(data) - at or walk.left < 0:
            raise ProtocolViolation(f"an array of {count} elements")
        if isinstance(element, int):
            return at + count * element
        for _ in range(count):
            at = element(data, at, walk)
        return at

    return pass_elements


def _null(size: int, at: int, width: int, nullable: bool, walk: _Walk) -> int:
    """A negative size, which ends at `at`: any says null to a real broker, -1 to the codec."""
    if not nullable:
        raise ProtocolViolation("a null where none may be")
    if size != -1:
        walk.dropped.append((at - width, at, b"\xff" * width))
    return at


def _compact(data: Data, at: int, walk: _Walk) -> int:
    size = data[at]
    if 0 < size < 0x80:  # so are nearly all
        return at + size
    size, at = _varint(data, at)
    if not size:
        raise ProtocolViolation("a null where none may be")
    return at + size - 1


def _compact_nullable(data: Data, at: int, walk: _Walk) -> int:
    size = data[at]
    if size < 0x80:
        return at + (size or 1)
    size, at = _varint(data, at)
    return at + max(size - 1, 0)  # null may be written in more bytes than it needs


def _string(nullable: bool) -> Step:
    def pass_string(data: Data, at: int, walk: _Walk) -> int:
        size = _number(data, at, 2)
        return at + 2 + size if size >= 0 else _null(size, at + 2, 2, nullable, walk)

    return pass_string


def _bytes(nullable: bool) -> Step:
    def pass_bytes(data: Data, at: int, walk: _Walk) -> int:
        size = _number(data, at, 4)
        return at + 4 + size if size >= 0 else _null(size, at + 4, 4, nullable, walk)

    return pass_bytes


def _tags(known: dict[int, Step]) -> Step:
    """Tagged fields. One that is known must fill what it says it does; the others go."""

    def pass_tags(data: Data, at: int, walk: _Walk) -> int:
        if not data[at]:
            return at + 1
        begin = at
        count, at = _varint(data, at)
        if count > len(data) - at:
            raise ProtocolViolation(f"{count} tagged fields")
        kept: list[Data] = []
        altered = False
        for _ in range(count):
            start = at
            tag, at = _varint(data, at)
            size, at = _varint(data, at)
            step = known.get(tag)
            before = len(walk.dropped)
            if at + size > len(data) or (step is not None and step(data, at, walk) != at + size):
                raise ProtocolViolation(f"a tagged field {tag} of {size} bytes")
            at += size
            if step is not None and len(walk.dropped) > before:
                kept.append(_shortened(data, tag, at - size, at, walk.dropped[before:]))
                del walk.dropped[before:]
                altered = True
            elif step is not None:
                kept.append(data[start:at])
        if altered or len(kept) < count:
            walk.dropped.append((begin, at, b"".join((bytes((len(kept),)), *kept))))
        return at

    return pass_tags


def _shortened(data: Data, tag: int, start: int, end: int, dropped: Iterable[Dropped]) -> bytes:
    """A tagged field of which parts go, with the size that it has then."""
    moved = [(begin - start, stop - start, instead) for begin, stop, instead in dropped]
    content = _without(data[start:end], moved)
    return _varint_of(tag) + _varint_of(len(content)) + content


def _varint_of(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _number(data: Data, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + size], "big", signed=True)


def _varint(data: Data, at: int) -> tuple[int, int]:
    """An unsigned number of up to 32 bits, and where it ends."""
    value = 0
    for shift in range(0, 35, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ProtocolViolation("a number of more than five bytes")
