"""Records as lines: JSON for programs, words for people."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click
import orjson

from simulator.cli import terminal
from simulator.cli.words import DIM, WARNING, People, Span, describe
from simulator.log.record import Record

_GAP: Final = "  "
_BLANKS: Final = bytes.maketrans(b"\t\n\r", b"   ")
_PLACE_WIDTH: Final = 15


def json_line(record: Record, typed: Any = None) -> str:
    """Return a record as one line of JSON.

    `timestamp` is in milliseconds since the Unix epoch. Bytes that are no UTF-8 text appear as
    `{"base64": "..."}`; a value that is no JSON is under `value` instead of `event`.
    """
    line: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": _text(record.key),
        "headers": [{"name": name, "value": _text(value)} for name, value in record.headers],
    }
    if record.unchecked:
        line["unchecked"] = True
    line.update(_value(record.value))
    if typed is not None:
        line["typed"] = typed
    return terminal.safe_json(orjson.dumps(line).decode())


def _value(value: bytes | None) -> dict[str, Any]:
    if value is None:
        return {"event": None}
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return {"value": _text(value)}
    # The bytes go out as they are. Line breaks and tabs can only lie between the parts of JSON.
    return {"event": orjson.Fragment(value.translate(_BLANKS))}


def _text(value: bytes | None) -> str | dict[str, str] | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


class RecordLines:
    """Shows records to people, one after the other.

    On a terminal the time of day is enough, with a line where the date changes, and what does not
    fit goes on below, indented; in a pipe every line has its date and is left as long as it is.
    """

    def __init__(
        self,
        people: People,
        *,
        on_terminal: bool,
        several_partitions: Iterable[str] = (),
        max_lines: int | None = None,
    ) -> None:
        """`several_partitions` names the topics whose partition is shown.

        `max_lines` is the most that a record may take on a terminal.
        """
        self._people = people
        self._on_terminal = on_terminal
        self._several = frozenset(several_partitions)
        self._width = terminal.width()
        self._max_lines = max_lines
        self._place_width = _PLACE_WIDTH
        self._date = ""

    def render(self, record: Record, note: str = "") -> str:
        """Return what is to be written for a record, without the last line break."""
        date, time = _moment(record.timestamp)
        partition = f"[{record.partition}]" if record.topic in self._several else ""
        place = f"{record.topic}{partition}@{record.offset}"
        self._place_width = max(self._place_width, len(place))
        head = Span(
            (time if self._on_terminal else f"{date}T{time}Z")
            + _GAP
            + place.ljust(self._place_width)
            + _GAP,
            DIM,
        )
        words = describe(record.value, self._people)
        if record.unchecked:
            words.insert(0, Span("unchecked ", WARNING))
        if note:
            words.append(Span(f"{_GAP}{note}", DIM))
        if not self._on_terminal:
            return _styled([head, *words])
        lines = self._fitted(head, words)
        if date != self._date:
            self._date = date
            lines.insert(0, click.style(date, dim=True))
        return "\n".join(lines)

    def _fitted(self, head: Span, words: Sequence[Span]) -> list[str]:
        text = "".join(span.text for span in words)
        indent = len(head.text)
        pieces = list(_pieces(text, max(20, self._width - indent)))
        lines = []
        for number, (start, end) in enumerate(pieces[: self._max_lines]):
            first = head if number == 0 else Span(" " * indent)
            lines.append(_styled([first, *_between(words, start, end)]))
        if len(pieces) > len(lines):
            lines[-1] += click.style(" …", dim=True)
        return lines


def _moment(timestamp_ms: int) -> tuple[str, str]:
    seconds, milliseconds = divmod(timestamp_ms, 1000)
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return "????-??-??", f"{timestamp_ms}ms"
    return f"{moment:%Y-%m-%d}", f"{moment:%H:%M:%S}.{milliseconds:03}"


def _styled(spans: Iterable[Span]) -> str:
    return "".join(click.style(text, **style) if style else text for text, style in spans)


def _pieces(text: str, room: int) -> Iterator[tuple[int, int]]:
    """Where to break a text so that each part fits, at spaces where there are any."""
    from rich.cells import cell_len, chop_cells

    start = 0
    while True:
        window = text[start : start + 8 * room]
        if cell_len(window) <= room:
            yield start, start + len(window)
            return
        piece = chop_cells(window, room)[0] or window[0]
        space = piece.rfind(" ")
        if window[len(piece)] != " " and space > len(piece) // 2:
            piece = piece[:space]
        yield start, start + len(piece)
        start += len(piece)
        while text[start : start + 1] == " ":
            start += 1


def _between(spans: Sequence[Span], start: int, end: int) -> Iterator[Span]:
    """Cut a piece out of styled text."""
    at = 0
    for text, style in spans:
        piece = text[max(0, start - at) : max(0, end - at)]
        if piece:
            yield Span(piece, style)
        at += len(text)
