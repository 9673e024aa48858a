"""Which events there are: AsyncAPI documents, compiled validators, protobuf, near misses."""

from simulator.catalog.catalog import Catalog, Channel
from simulator.catalog.errors import (
    AmbiguousEvent,
    CatalogError,
    ConversionError,
    InvalidDocument,
    InvalidEvent,
    UnknownEvent,
    UnknownField,
    Violation,
)
from simulator.catalog.message_type import MessageType
from simulator.catalog.schemas import Field
from simulator.catalog.shapes import NearMiss

__all__ = [
    "AmbiguousEvent",
    "Catalog",
    "CatalogError",
    "Channel",
    "ConversionError",
    "Field",
    "InvalidDocument",
    "InvalidEvent",
    "MessageType",
    "NearMiss",
    "UnknownEvent",
    "UnknownField",
    "Violation",
]
