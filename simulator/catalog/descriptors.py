"""Protobuf descriptors in a pool of the catalogue's own.

A pool of its own, since a user's generated `chat_pb2` puts the same names into the process's
default pool, where they may stand only once.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from simulator.catalog.naming import pascal, service

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from google.protobuf.descriptor_pool import DescriptorPool

RPC = "OnMessage"
"""The one method of every service that takes events."""


class Descriptors:
    """A descriptor set, and the pool built from it, both on first use."""

    def __init__(self, source: FileDescriptorSet | bytes) -> None:
        """`source` holds every imported file, each before the files that import it."""
        self._source = source

    @cached_property
    def descriptor_set(self) -> FileDescriptorSet:
        """The files."""
        from google.protobuf import descriptor_pb2

        if isinstance(self._source, bytes):
            return descriptor_pb2.FileDescriptorSet.FromString(self._source)
        return self._source

    @cached_property
    def pool(self) -> DescriptorPool:
        """The pool, which holds these files and no other."""
        from google.protobuf import descriptor_pool

        pool = descriptor_pool.DescriptorPool()
        for file in self.descriptor_set.file:
            pool.Add(file)
        return pool

    def names(self, package: str, channel: str, event: str, class_name: str) -> tuple[str, str]:
        """The full names of an event's message and service.

        The service's name follows a rule, its input says which message it is: message names have
        irregularities (`UserChatRateLimitedPayload`), service names have not. Without such a
        service the message is named after `class_name`.
        """
        message_name, service_name = names_by_rule(package, channel, event, class_name)
        try:
            method = self.pool.FindServiceByName(service_name).methods_by_name[RPC]
        except KeyError:
            return message_name, service_name
        return method.input_type.full_name, service_name

    def has_service(self, full_name: str) -> bool:
        """Whether there is a service of that name."""
        try:
            self.pool.FindServiceByName(full_name)
        except KeyError:
            return False
        return True

    def message(self, full_name: str) -> Descriptor | None:
        """The descriptor of a message, None where there is none."""
        try:
            return self.pool.FindMessageTypeByName(full_name)
        except KeyError:
            return None


def combined(parts: Iterable[Descriptors]) -> Descriptors:
    """Several descriptor sets as one.

    A file is left out where one of its name is there already, or one with a message or a service
    of the same full name, since a pool takes each only once; and so is what imports it.
    """
    from google.protobuf import descriptor_pb2

    whole = descriptor_pb2.FileDescriptorSet()
    files: set[str] = set()
    symbols: set[str] = set()
    for part in parts:
        for file in part.descriptor_set.file:
            names = [each.name for each in file.message_type]
            names += [each.name for each in file.enum_type]
            names += [each.name for each in file.service]
            mine = {f"{file.package}.{name}" for name in names}
            complete = files.issuperset(file.dependency)
            if file.name not in files and complete and symbols.isdisjoint(mine):
                whole.file.append(file)
                files.add(file.name)
                symbols |= mine
    return Descriptors(whole)


def names_by_rule(package: str, channel: str, event: str, class_name: str) -> tuple[str, str]:
    """The full names of an event's message and service, as far as a rule can tell."""
    prefix = f"{package}." if package else ""
    return f"{prefix}{pascal(class_name)}", f"{prefix}{service(channel, event)}"
