"""Requests from plain dicts, and responses as plain dicts, in any version that the codec knows.

A step is written once for all versions: fields that a version lacks are left out, fields that the
step leaves out get Kafka's default or else zero.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from importlib import import_module
from types import ModuleType, NoneType
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

from kio.schema.index import api_key_map, schema_name_map
from kio.serial import entity_reader, entity_writer
from kio.static.constants import EntityType


@cache
def api_keys() -> dict[str, int]:
    """Keys of all APIs by the codec's names for them."""
    return {name: key for key, name in api_key_map.items()}


@cache
def _payload(api: str, version: int, kind: str) -> Any:
    module = import_module(f"kio.schema.{api}.v{version}.{kind}")
    return next(
        found
        for found in vars(module).values()
        if getattr(found, "__type__", None) is EntityType[kind]
    )


@cache
def versions(api: str) -> list[int]:
    """The versions of an API that the codec has."""
    return sorted(schema_name_map[api])


def frame(
    api: str, version: int, correlation_id: int, body: Mapping[str, Any], client_id: str
) -> bytes:
    """A request with its size in front."""
    request = _payload(api, version, "request")
    header_type = request.__header_schema__
    buffer = io.BytesIO()
    entity_writer(header_type)(
        buffer,
        header_type(
            request_api_key=api_keys()[api],
            request_api_version=version,
            correlation_id=correlation_id,
            client_id=client_id,
        ),
    )
    entity_writer(request)(buffer, _made(api, request, body))
    return struct.pack(">i", buffer.tell()) + buffer.getvalue()


def response(api: str, version: int, data: bytes) -> tuple[int, dict[str, Any]]:
    """Correlation id and body of a response, which must have nothing behind it."""
    schema = _payload(api, version, "response")
    header, used = entity_reader(schema.__header_schema__)(data, 0)
    body, rest = entity_reader(schema)(data, used)
    assert used + rest == len(data), f"{api} {version}: {len(data) - used - rest} bytes too many"
    return header.correlation_id, _plain(body)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, timedelta):
        return round(value.total_seconds() * 1000)
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, UUID):
        return str(value)
    return value


def _made(api: str, cls: Any, values: Mapping[str, Any]) -> Any:
    hints = _hints(cls)
    unknown = values.keys() - hints.keys()
    assert unknown <= _names(api), f"{api} has no {', '.join(unknown - _names(api))}"
    arguments = {}
    for field in fields(cls):
        if field.name in values:
            arguments[field.name] = _value(api, hints[field.name], values[field.name])
        elif field.default is MISSING:
            arguments[field.name] = _zero(hints[field.name])
    return cls(**arguments)


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return {name: hint for name, hint in get_type_hints(cls).items() if not name.startswith("__")}


@cache
def _names(api: str) -> set[str]:
    """The names of all fields that requests of the API have in any version and structure."""
    found: set[str] = set()
    for version in versions(api):
        module: ModuleType = import_module(f"kio.schema.{api}.v{version}.request")
        for each in vars(module).values():
            if is_dataclass(each):
                found |= {field.name for field in fields(each)}
    return found


def _value(api: str, hint: Any, value: Any) -> Any:
    """A value as the codec wants it."""
    if value is None:
        return None
    options = [option for option in get_args(hint) if option is not NoneType]
    if get_origin(hint) is tuple:
        return tuple(_value(api, options[0], each) for each in value)
    if options:
        return _value(api, options[0], value)
    if is_dataclass(hint):
        return _made(api, hint, value)
    if isinstance(value, int) and issubclass(hint, timedelta):
        return timedelta(milliseconds=value)
    if isinstance(value, int) and issubclass(hint, Enum):
        return hint(value)
    if isinstance(value, str) and issubclass(hint, UUID):
        return UUID(value)
    return value


def _zero(hint: Any) -> Any:
    options = get_args(hint)
    if get_origin(hint) is tuple:
        return ()
    if NoneType in options:
        return None
    if is_dataclass(hint):
        return hint(**{f.name: _zero(_hints(hint)[f.name]) for f in fields(hint)})
    for kind, zero in ((timedelta, timedelta(0)), (bool, False), (str, ""), (bytes, b"")):
        if issubclass(hint, kind):
            return zero
    return 0
