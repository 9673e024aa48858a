"""The note that a client may commit with an offset, and how long it may be."""

from __future__ import annotations

from simulator.listeners.kafka.registry import Request


def note_of(text: str | None, request: Request) -> str | None:
    """The note of a commit; None where it is longer than `offset.metadata.max.bytes`.

    In spite of its name, Kafka compares that setting with the length of a Java string: UTF-16 code
    units (`OffsetMetadataManager.isMetadataInvalid`).
    """
    note = text or ""
    units = len(note.encode("utf-16-be", "surrogatepass")) // 2
    return note if units <= request.cluster.config.int("offset.metadata.max.bytes") else None
