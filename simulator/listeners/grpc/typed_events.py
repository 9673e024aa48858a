"""Events as typed protobuf messages inside an `Any`, in and out."""

from __future__ import annotations

from typing import Any

import orjson
from google.protobuf import any_pb2

from simulator.catalog import Catalog, CatalogError
from simulator.listeners.grpc.encoding import delimited

TYPE_URL_PREFIX = "type.googleapis.com/"


class TypedEvents:
    """Knows the protobuf message of every event of the catalogue."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def encode(self, topic: str, value: bytes) -> bytes | None:
        """Return the serialized `Any` of an event, or None where it has no typed form.

        The same event gives the same bytes in every process, maps (`Struct`) included.
        Topics without message types have none, and neither have unchecked values that break the
        specification.
        """
        if topic not in self._catalog.channels:
            return None
        try:
            event = orjson.loads(value)
            message = self._catalog.identify(topic, event)
            data = message.to_proto(event).SerializeToString(deterministic=True)
        except (orjson.JSONDecodeError, CatalogError):
            return None
        url = (TYPE_URL_PREFIX + message.proto_name).encode()
        return delimited(b"\x0a", url) + delimited(b"\x12", data)

    def decode(self, topic: str, event: any_pb2.Any) -> dict[str, Any]:
        """Return the JSON event inside an `Any` that is meant for a topic.

        Raises `UnknownEvent` (or, for a topic without message types, `AmbiguousEvent`) where the
        topic cannot carry this type, `ConversionError` where the bytes are no such message.
        """
        known = topic if topic in self._catalog.channels else None
        return self._catalog.find_proto(event.type_url, known).from_proto(event.value)
