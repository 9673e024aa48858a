"""Records made ready to be sent: which service takes them, and in what bytes."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from simulator.catalog import Catalog, CatalogError
from simulator.delivery_settings import DeliverySettings
from simulator.handlers.app import Metadata
from simulator.handlers.trace import trace_headers
from simulator.log import Record


class Parcel:
    """One event on its way to an app."""

    __slots__ = ("closed", "data", "event_id", "handled", "metadata", "name", "record", "service")

    def __init__(
        self,
        record: Record,
        name: str,
        event_id: str,
        service: str,
        data: bytes,
        metadata: Metadata,
    ) -> None:
        self.record = record
        self.name = name
        self.event_id = event_id
        self.service = service
        self.data = data
        self.metadata = metadata
        self.handled = False  # the app has answered it with OK
        self.closed = False  # it is not sent again, whatever happens to its batch


class Unreadable(NamedTuple):
    """A record that no service takes, with the reason."""

    record: Record
    event_id: str
    reason: str


def pack(
    record: Record, catalog: Catalog, settings: DeliverySettings
) -> Parcel | Unreadable | None:
    """What is sent for a record; None for a tombstone, which says nothing to an app."""
    if record.value is None:
        return None
    try:
        event = orjson.loads(record.value)
    except orjson.JSONDecodeError as error:
        return Unreadable(record, _place(record), f"not JSON: {error}")
    event_id = event.get("id") if isinstance(event, dict) else None
    if not isinstance(event_id, str):
        event_id = _place(record)
    try:
        message = catalog.identify(record.topic, event)
        data = message.to_proto(event).SerializeToString(deterministic=True)
    except CatalogError as error:
        return Unreadable(record, event_id, str(error))
    metadata: Metadata = tuple(settings.metadata.items())
    if settings.trace_headers:
        metadata += trace_headers(event)
    return Parcel(record, message.name, event_id, message.service_name, data, metadata)


def _place(record: Record) -> str:
    """Stands for the id of a record that has none."""
    return f"{record.topic}-{record.partition}-{record.offset}"
