"""Services for events in `.proto` files that no document stands beside.

The name of a service follows a rule, so that one is known by it wherever it lies (the facts,
section 2): an event whose own `.proto` lacks its service gets it from here. A service that belongs
to no event cannot be used, since nothing says what is on its topic: it is an irregularity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from simulator.catalog.descriptors import RPC, Descriptors, combined, names_by_rule

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    from simulator.catalog.document import Document


class LoneServices:
    """The services of some files, and which of them events have asked for."""

    def __init__(self, sets: Mapping[str, bytes]) -> None:
        """`sets` are descriptor sets by the path of the file, which is the last in each."""
        self._sets = {path: Descriptors(data) for path, data in sets.items()}
        self._asked: set[str] = set()

    def added_to(self, own: Descriptors | None, document: Document) -> Descriptors | None:
        """The descriptors of a document, with the services that they lack and its events need."""
        if not self._sets:
            return own
        wanted = set(_services(document))
        self._asked |= wanted
        missing = {name for name in wanted if own is None or not own.has_service(name)}
        more = [
            descriptors
            for descriptors in self._sets.values()
            if any(descriptors.has_service(name) for name in missing)
        ]
        if not more:
            return own
        return combined([*([own] if own else []), *more])

    def left(self) -> list[str]:
        """A line for each service that belongs to no event."""
        return [
            f"{path}: no document has an event for the service {name}"
            for path, descriptors in self._sets.items()
            for name in _with_method(descriptors.descriptor_set.file[-1])
            if name not in self._asked
        ]


def _services(document: Document) -> Iterator[str]:
    for channel in document.channels.values():
        for message in channel.messages.values():
            _, service = names_by_rule(
                document.proto_package, channel.name, message.name, message.class_name
            )
            yield service


def _with_method(file: FileDescriptorProto) -> Iterator[str]:
    prefix = f"{file.package}." if file.package else ""
    for service in file.service:
        if any(method.name == RPC for method in service.method):
            yield f"{prefix}{service.name}"
