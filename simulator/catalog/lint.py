"""Irregularities of a catalogue: what loads, and still is likely to surprise somebody."""

from __future__ import annotations

from simulator.catalog.catalog import Catalog
from simulator.catalog.document import MessageSource
from simulator.catalog.message_type import MessageType


def irregularities(catalog: Catalog) -> list[str]:
    """One line for each, documents that could not be loaded first."""
    return [
        *catalog.problems,
        *catalog.notes,
        *_repeated(catalog),
        *(line for message in catalog.messages for line in _of_message(message)),
    ]


def _repeated(catalog: Catalog) -> list[str]:
    """Events that two documents have alike; where they differ, loading them has told already."""
    known: dict[tuple[str, str], tuple[MessageSource, str]] = {}
    found = []
    for document, _ in catalog.sources:
        for channel in document.channels.values():
            for message in channel.messages.values():
                first, where = known.setdefault(
                    (channel.name, message.name), (message, document.source)
                )
                if first is not message and first == message:
                    found.append(
                        f"{document.source}: {channel.name}/{message.name} is in {where}, too"
                    )
    return found


def _of_message(message: MessageType) -> list[str]:
    place = f"{message.channel}/{message.name}"
    found = []
    if message.payload_key is not None and message.payload_key != message.name:
        found.append(f"{place}: its data lies below payload.{message.payload_key}")
    if not message.has_descriptor:
        found.append(f"{place}: there is no protobuf message {message.proto_name}")
    elif not message.has_service:
        found.append(f"{place}: there is no gRPC service {message.service_name}")
    return found
