"""Records as lines of JSON, as `simulator tail --json` writes them, and back."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from simulator.errors import SimulatorError
from simulator.log import Headers, Record
from simulator.recording.timing import Happening, stamp_ns
from simulator.scenario.envelope import Precision, stamper

_BLANKS: Final = bytes.maketrans(b"\t\n\r", b"   ")


class NotARecord(SimulatorError):
    """A line that is no record."""


def line(record: Record) -> bytes:
    """Return a record as one line, without its end.

    Bytes that are no UTF-8 text appear as `{"base64": "..."}`; a value that is no JSON, or
    the JSON `null`, is under `value` instead of `event`.
    """
    parts: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": _text(record.key),
        "headers": [{"name": name, "value": _text(value)} for name, value in record.headers],
    }
    if record.unchecked:
        parts["unchecked"] = True
    if record.value is None:
        parts["event"] = None
        return orjson.dumps(parts)
    try:
        is_null = orjson.loads(record.value) is None
    except orjson.JSONDecodeError:
        is_null = True
    if is_null:
        parts["value"] = _text(record.value)
    else:
        # The bytes go out as they are. Line breaks and tabs can only lie between the parts.
        parts["event"] = orjson.Fragment(record.value.translate(_BLANKS))
    return orjson.dumps(parts)


def moved(happenings: Iterable[Happening], precision: Precision) -> Iterator[Record]:
    """Return the records with their timestamps where the pace has put them."""
    stamp = stamper(precision)
    for happening in happenings:
        record = happening.record
        if not happening.shift:
            yield record
            continue
        value = record.value
        own = stamp_ns(happening.event)
        if own is not None and happening.event is not None:
            text, _ = stamp(own + happening.shift)
            value = orjson.dumps(happening.event | {"timestamp": text})
        timestamp = record.timestamp + happening.shift // 1_000_000
        yield record._replace(value=value, timestamp=timestamp)


def records(lines: Iterable[bytes], file: str) -> Iterator[Record]:
    """Read lines back, in their order; raises NotARecord with the line's number."""
    for number, text in enumerate(lines, start=1):
        if text.strip():
            yield record(text, file, number)


def record(text: bytes, file: str, number: int) -> Record:
    """Read one line, the number of which is the record's position; raises NotARecord."""
    try:
        return _record(orjson.loads(text), number)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise NotARecord(
            f"{file}:{number}: no record: expected a line as `simulator record` and "
            "`simulator tail --json` write them"
        ) from None


def _record(parts: dict[str, Any], position: int) -> Record:
    value = orjson.dumps(parts["event"]) if parts.get("event") is not None else None
    headers: Headers = tuple(
        (str(header["name"]), _bytes(header.get("value"))) for header in parts.get("headers", ())
    )
    topic = parts["topic"]
    if not isinstance(topic, str):
        raise TypeError
    return Record(
        topic=topic,
        partition=int(parts.get("partition", 0)),
        offset=int(parts.get("offset", position)),
        timestamp=int(parts["timestamp"]),
        key=_bytes(parts.get("key")),
        value=_bytes(parts["value"]) if "value" in parts else value,
        headers=headers,
        position=position,
        unchecked=bool(parts.get("unchecked", False)),
    )


def _text(value: bytes | None) -> str | dict[str, str] | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _bytes(value: Any) -> bytes | None:
    if value is None or isinstance(value, str):
        return None if value is None else value.encode()
    return base64.b64decode(value["base64"], validate=True)
