"""Delivery reports, and what an app takes, as lines of a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from simulator.cli.terminal import safe

if TYPE_CHECKING:
    from simulator.handlers import DeliveryReport
    from simulator.handlers.compatibility import EventFit

_COLUMNS = ("event", "handled", "sent", "failed", "retried", "duplicate", "p50", "p99", "max")


def report_lines(report: DeliveryReport) -> list[str]:
    """A table of the event types, with what went wrong behind it."""
    state = report.state.value + (f": {safe(report.reason)}" if report.reason else "")
    head = f"{click.style(report.target, bold=True)} {state}, {report.lag:,} to come"
    rows: list[Sequence[str]] = [_COLUMNS]
    notes = []
    for name, counts in report.events.items():
        rows.append(
            (
                safe(name),
                f"{counts.handled:,}",
                f"{counts.sent:,}",
                f"{counts.failed:,}",
                f"{counts.retried:,}",
                f"{counts.duplicate:,}",
                *(f"{ms:.1f} ms" for ms in (counts.p50_ms, counts.p99_ms, counts.max_ms)),
            )
        )
        for count, what in (
            (counts.unimplemented, "not implemented by the app"),
            (counts.given_up, "given up"),
            (counts.unreadable, "unreadable"),
        ):
            if count:
                notes.append(f"  {count:,} {safe(name)} {what}")
    return [head, *_aligned(rows), *notes]


def fit_lines(target: str, fits: Sequence[EventFit]) -> list[str]:
    """A table of the events, with the fields that differ behind it."""
    rows = [("event", "fit", "service")]
    rows += [(each.event, each.fit.value, each.service) for each in fits]
    notes = [f"  {each.event}: {safe(text)}" for each in fits for text in each.differences]
    return [click.style(target, bold=True), *_aligned(rows, left=3), *notes]


def _aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Rows in columns; the first `left` of them begin at the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
