"""Reads spans of offsets out of segments, as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from simulator.log.batch_segment import BatchSegment
from simulator.log.columns import RecordColumns
from simulator.log.record import Headers
from simulator.log.segment import Segment
from simulator.log.sparse_segment import SparseSegment
from simulator.log.transaction_index import Span

AnySegment = Segment | BatchSegment | SparseSegment

SegmentsFrom = Callable[[int], Iterable[AnySegment]]
"""Gives the segments that hold the records from an offset on."""


def gather_columns(
    source: tuple[tuple[str, int], ...], segments_from: SegmentsFrom, spans: Sequence[Span]
) -> RecordColumns:
    """The records of `spans`, all of them kept, of the one partition that is the `source`."""
    values: list[bytes | None] = []
    keys: list[bytes | None] = []
    timestamps: list[int] = []
    positions: list[int] = []
    headers: dict[int, Headers] = {}
    unchecked: set[int] = set()
    for low, high in spans:
        for segment in segments_from(low):
            base = segment.base_offset
            if base >= high:
                break
            rows = segment.rows(max(low, base), min(high, segment.end_offset))
            shift = len(values)
            values += rows.values
            keys += rows.keys
            timestamps += rows.timestamps
            positions += rows.positions
            if rows.headers:
                headers.update({row + shift: found for row, found in rows.headers.items()})
            if rows.unchecked:
                unchecked.update(row + shift for row in rows.unchecked)
    offsets: Sequence[int]
    if len(spans) == 1:
        offsets = range(*spans[0])
    else:
        offsets = [offset for span in spans for offset in range(*span)]
    return RecordColumns(
        sources=source,
        source=bytes(len(values)),
        offsets=offsets,
        timestamps=timestamps,
        keys=keys,
        values=values,
        positions=positions,
        headers=headers,
        unchecked=unchecked,
    )


def gather_sizes(segments_from: SegmentsFrom, spans: Iterable[Span]) -> list[int]:
    """What each record of `spans` counts."""
    sizes: list[int] = []
    for low, high in spans:
        for segment in segments_from(low):
            if segment.base_offset >= high:
                break
            here = max(low, segment.base_offset)
            sizes += segment.sizes(here, min(high, segment.end_offset))
    return sizes


def gather_batches(
    segments_from: SegmentsFrom, offset: int, max_bytes: int, stop: int
) -> list[bytes]:
    """Kafka batches from the one with `offset` on that begin before `stop`.

    At least one, if there is any, else within `max_bytes`.
    """
    batches: list[bytes] = []
    for segment in segments_from(offset):
        here = max(offset, segment.base_offset)
        if here >= stop:
            break
        more, _, full = segment.raw_batches(here, max_bytes, stop)
        if batches and sum(map(len, more)) > max_bytes:  # its first batch is too large
            break
        batches += more
        max_bytes -= sum(map(len, more))
        if full or max_bytes <= 0:
            break
    return batches
