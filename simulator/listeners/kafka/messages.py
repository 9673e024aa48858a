"""Requests and responses of one API in one version, as the codec knows them.

The modules of a version are imported when it is first used: importing all of them would take half
a second, and a client uses one version of each API.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import Any

from simulator.listeners.kafka.request_walk import checker_of

NO_TIME = timedelta(0)


_Writer = Callable[[Any, Any], None]


class Pieces:
    """Bytes in several parts, which the response takes as if they were one, without copying."""

    __slots__ = ("parts", "size")

    def __init__(self, parts: list[bytes]) -> None:
        self.parts = parts
        self.size = sum(map(len, parts))

    def __len__(self) -> int:
        return self.size


class _Frame:
    """What the codec writes into."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts = [b""]  # the size comes here

    def write(self, data: bytes | Pieces) -> None:
        if isinstance(data, Pieces):
            self.parts += data.parts
        else:
            self.parts.append(data)


class Version:
    """The schema of one version of an API."""

    def __init__(self, module: str, version: int) -> None:
        """Import what the version needs; `module` is the codec's name of the API."""
        from kio.serial import entity_reader, entity_writer
        from kio.static.constants import EntityType

        path = f"kio.schema.{module}.v{version}"
        self.version = version
        self._responses = import_module(f"{path}.response")
        request = _payload(import_module(f"{path}.request"), EntityType.request)
        response = _payload(self._responses, EntityType.response)
        self._makers: dict[str, Callable[[dict[str, Any]], Any]] = {}
        self._response = response.__name__
        self.request_class: Any = request
        self.response_class: Any = response
        self._header = response.__header_schema__
        self._read_header = entity_reader(request.__header_schema__)
        self._read_body = entity_reader(request)
        self._checked = checker_of(request)
        self._write_header: _Writer = entity_writer(self._header)
        self._write_body: _Writer = entity_writer(response)

    def read(self, frame: bytes | memoryview) -> tuple[Any, Any]:
        """The header and the body of a request; raises ProtocolViolation or what the codec does."""
        frame = self._checked(frame)
        header, size = self._read_header(frame, 0)
        body, _ = self._read_body(frame, size)
        return header, body

    def make(self, name: str, /, **values: Any) -> Any:
        """One structure of the response, from those of `values` that it has in this version."""
        maker = self._makers.get(name)
        if maker is None:
            maker = self._makers[name] = _maker(getattr(self._responses, name))
        return maker(values)

    def response(self, **values: Any) -> Any:
        """The response itself; see `make`."""
        return self.make(self._response, throttle_time=NO_TIME, **values)

    def write(self, correlation_id: int, response: Any) -> bytes:
        """The response as a frame, its size in front."""
        frame = _Frame()
        self._write_header(frame, self._header(correlation_id=correlation_id))
        self._write_body(frame, response)
        frame.parts[0] = sum(map(len, frame.parts)).to_bytes(4, "big")
        return b"".join(frame.parts)


@cache
def version_of(module: str, version: int) -> Version:
    """The schema of one version of the API that the codec calls `module`."""
    return Version(module, version)


def _payload(module: Any, kind: object) -> Any:
    """The class of a module that is the request or response itself, not a part of it."""
    (found,) = (
        value for value in vars(module).values() if getattr(value, "__type__", None) is kind
    )
    return found


def _maker(cls: Any) -> Callable[[dict[str, Any]], Any]:
    """What builds a `cls` of the values that it knows."""
    known = frozenset(field.name for field in fields(cls))

    def make(values: dict[str, Any]) -> Any:
        if values.keys() <= known:
            return cls(**values)
        return cls(**{name: value for name, value in values.items() if name in known})

    return make
