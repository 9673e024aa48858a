"""Replaces ids and personal values, the same ones always by the same.

What replaces a value follows from the value and a key alone (HMAC-SHA-256), so that nothing has to
be remembered and several recordings with one key fit together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Any, Final

import orjson

from simulator.catalog import Catalog
from simulator.instants import NotAnInstant, instant_ns
from simulator.log import Record
from simulator.recording.texts import Stream, disguised
from simulator.scenario.identity import is_uuid

ENVELOPE_KEPT: Final = ("name", "namespace", "parentNamespace")
"""Fields of an envelope that say what an event is, not whose."""

WORDS_OF_THE_SERVICE: Final = ("payload.*.target_type", "payload.*.reason", "headers.content-type")
"""Other fields with words of the service, not of people."""

_UUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_WITHIN: Final = re.compile(
    rf"(?<![0-9A-Za-z])(?:{_UUID}|(?=[0-9]*[a-fA-F])[0-9a-fA-F]{{16,}})(?![0-9A-Za-z])"
)
_HEX: Final = re.compile(r"(?=.*[0-9])(?=.*[a-fA-F])[0-9a-fA-F]{8,}")
_GROUPS: Final = re.compile(r"(?=.*[0-9])(?=.*[a-fA-F])[0-9a-fA-F]+(?:[:-][0-9a-fA-F]*)+")
_IPV4: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://")
_ID_NAME: Final = re.compile(r"(?:.*[a-z0-9_])?(?:Id|Ids|ID|IDs)|(?:.*_)?(?:id|ids|ID|IDS)")
_FIRST_DAY: Final = date(1950, 1, 1).toordinal()
_DAYS: Final = 20_000
_NEAR_NS: Final = 86_400 * 10**9
_LONG: Final = 16
_NIL: Final = frozenset("0-")

Path = tuple[str, ...]


class Pseudonyms:
    """Replaces what is in records; see the module."""

    def __init__(
        self,
        key: bytes,
        catalog: Catalog,
        *,
        keep_ids: bool = False,
        keep_texts: bool = False,
        keep: Iterable[str] = (),
    ) -> None:
        """`keep` are paths of fields that stay (`*` is any name), `headers.NAME` of headers."""
        self._key = key
        self._catalog = catalog
        self._keep_ids = keep_ids
        self._keep_texts = keep_texts
        self._kept = [tuple(path.split(".")) for path in (*WORDS_OF_THE_SERVICE, *keep)]
        self.text = lru_cache(maxsize=1 << 16)(self._text)

    def record(self, record: Record) -> Record:
        """Return a record with its key, headers and value replaced."""
        return record._replace(
            key=self._bytes(record.key, is_id=True),
            headers=tuple(
                (name, value if self._stays(("headers", name)) else self._bytes(value))
                for name, value in record.headers
            ),
            value=self._value(record),
        )

    def _value(self, record: Record) -> bytes | None:
        if record.value is None:
            return None
        try:
            decoded = orjson.loads(record.value)
        except orjson.JSONDecodeError:
            return self._bytes(record.value)
        return orjson.dumps(self.decoded(record.topic, decoded, record.timestamp))

    def decoded(self, topic: str, value: Any, timestamp: int) -> Any:
        """Replace what is in a JSON value of a topic; `timestamp` (ms) is when it was written."""
        near = timestamp * 1_000_000
        if not isinstance(value, dict):
            return self._walk(value, (), near)
        kept = ENVELOPE_KEPT if self._is_event(topic, value) else ()
        return {
            self._name(name): part
            if name in kept or (name == "timestamp" and _is_instant(part))
            else self._walk(part, (name,), near)
            for name, part in value.items()
        }

    def _is_event(self, topic: str, value: dict[str, Any]) -> bool:
        """Whether a value has an envelope: anything else may have a person's name under `name`."""
        if not isinstance(payload := value.get("payload"), dict):
            return False
        name = value.get("name")
        channel = self._catalog.channels.get(topic)
        known = () if channel is None else channel.messages
        return isinstance(name, str) and (name in payload or name in known)

    def _walk(self, value: Any, path: Path, near: int) -> Any:
        if self._stays(path):
            return value
        if isinstance(value, dict):
            return {
                self._name(name): self._walk(part, (*path, name), near)
                for name, part in value.items()
            }
        if isinstance(value, list):
            return [self._walk(item, path, near) for item in value]
        is_id = bool(path) and _ID_NAME.fullmatch(path[-1]) is not None
        if isinstance(value, str):
            return value if _is_near(value, near) else self.text(value, is_id)
        if isinstance(value, int) and not isinstance(value, bool) and is_id and not self._keep_ids:
            return self._number(value)
        return value

    def _stays(self, path: Path) -> bool:
        return any(
            len(kept) == len(path)
            and all(part in ("*", name) for part, name in zip(kept, path, strict=True))
            for kept in self._kept
        )

    def _name(self, name: str) -> str:
        """The name of a field, which is replaced where it is an id."""
        return self.text(name, True) if is_uuid(name) or _WITHIN.fullmatch(name) else name

    def _bytes(self, value: bytes | None, *, is_id: bool = False) -> bytes | None:
        if value is None:
            return None
        try:
            return self.text(value.decode(), is_id).encode()
        except UnicodeDecodeError:
            stream = Stream(self._key, "bytes", value.hex())
            return bytes.fromhex(stream.hex(2 * len(value)))

    # --- one value -------------------------------------------------------------------------

    def _text(self, text: str, is_id: bool = False) -> str:
        """Replace a text; `is_id` where its name says that it is an id."""
        if is_uuid(text) or _HEX.fullmatch(text):
            return self._hex(text)
        if _GROUPS.fullmatch(text):
            return self._groups(text)
        personal = self._personal(text)
        if personal is not None:
            return personal
        replace = not self._keep_ids if is_id else not self._keep_texts
        scheme = _SCHEME.match(text)
        start = scheme.end() if scheme else 0
        stream = Stream(self._key, "text", text)
        pieces = [text[:start]]
        for match in _WITHIN.finditer(text, start):
            pieces += [self._piece(text[start : match.start()], stream, replace=replace)]
            pieces += [self._hex(match[0])]
            start = match.end()
        return "".join([*pieces, self._piece(text[start:], stream, replace=replace)])

    def _piece(self, text: str, stream: Stream, *, replace: bool) -> str:
        return disguised(text, stream) if replace and text else text

    def _hex(self, text: str) -> str:
        """Replace a UUID, which keeps its version and variant, or other hex digits.

        One UUID has one replacement, in whichever way it is written.
        """
        plain = text.replace("-", "").lower()
        if self._keep_ids or set(text) <= _NIL:
            return text
        stream = Stream(self._key, "hex", plain)
        fresh = plain
        while fresh == plain:
            fresh = stream.hex(len(plain))
            if len(plain) == 32:
                old, new = int(plain[16], 16), int(fresh[16], 16)
                mask = 0xE if old >= 0xC else 0xC
                variant = old & mask | new & ~mask
                fresh = f"{fresh[:12]}{plain[12]}{fresh[13:16]}{variant:x}{fresh[17:]}"
        if text != text.lower():
            fresh = fresh.upper()
        digits = iter(fresh)
        return "".join("-" if character == "-" else next(digits) for character in text)

    def _groups(self, text: str) -> str:
        """Replace hex digits in groups: trace headers, MAC and IPv6 addresses.

        Beside long groups, those of one or two digits are versions and flags.
        """
        parts = re.split("([:-])", text)
        longest = max(map(len, parts))
        short = 2 if longest >= _LONG else 0
        return "".join(
            part if len(part) <= short or part in ":-" else self._hex(part) for part in parts
        )

    def _personal(self, text: str) -> str | None:
        """Replace an address or a date; None for anything else."""
        if _IPV4.fullmatch(text) and all(int(part) < 256 for part in text.split(".")):
            stream = Stream(self._key, "ip", text)
            return ".".join(_octet(stream, len(part)) for part in text.split("."))
        if not _DATE.match(text):
            return None
        try:
            date.fromisoformat(text[:10])
        except ValueError:
            return None
        day = self._day(text[:10])
        if len(text) == 10:
            return day
        try:
            instant_ns(text)
        except NotAnInstant:
            return None
        stream = Stream(self._key, "time", text)
        clock = f"{stream.below(24):02}:{stream.below(60):02}:{stream.below(60):02}"
        return day + text[10] + clock + text[19:]

    def _day(self, text: str) -> str:
        stream = Stream(self._key, "date", text)
        day = text
        while day == text:
            day = date.fromordinal(_FIRST_DAY + stream.below(_DAYS)).isoformat()
        return day

    def _number(self, number: int) -> int:
        """Replace an id that is a number by one with as many digits."""
        digits = str(abs(number))
        if len(digits) < 2:
            return number
        stream = Stream(self._key, "number", digits)
        fresh = digits
        while fresh == digits:  # the first digit keeps it within 64 bits
            rest = "".join(str(stream.below(10)) for _ in digits[1:])
            fresh = f"{1 + stream.below(8)}{rest}"
        return int(fresh) if number >= 0 else -int(fresh)


def _octet(stream: Stream, digits: int) -> str:
    low, high = ((0, 10), (10, 100), (100, 256))[digits - 1]
    return str(low + stream.below(high - low))


def _is_instant(value: object) -> bool:
    try:
        return isinstance(value, str) and instant_ns(value) is not None
    except NotAnInstant:
        return False


def _is_near(text: str, near: int) -> bool:
    """Whether a text is a time within a day of one (ns): when something happened."""
    if not _DATE.match(text) or len(text) == 10:
        return False
    try:
        return abs(instant_ns(text) - near) <= _NEAR_NS
    except NotAnInstant:
        return False
