"""What the codec's structures look like: which fields are lists, and where error codes are."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any


@cache
def code_fields(cls: Any) -> frozenset[str]:
    """The fields of a class that are error codes."""
    return frozenset(f.name for f in fields(cls) if f.metadata.get("kafka_type") == "error_code")


@cache
def lists_with_codes(cls: Any) -> frozenset[str]:
    """The lists whose items have error codes, somewhere."""
    return frozenset(
        field.name
        for field in fields(cls)
        if (nested := nested_class(cls, field.name)) is not None
        and is_list(cls, field.name)
        and (code_fields(nested) or lists_with_codes(nested))
    )


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)


@cache
def nested_class(cls: Any, name: str) -> Any:
    """The structure that a field holds one or many of."""
    return next((part for part in _parts(_hints(cls)[name]) if is_dataclass(part)), None)


@cache
def is_list(cls: Any, name: str) -> bool:
    """Whether a field holds many values."""
    return any(typing.get_origin(part) is tuple for part in _parts(_hints(cls)[name]))


@cache
def is_optional(cls: Any, name: str) -> bool:
    """Whether a field may be None."""
    return type(None) in typing.get_args(_hints(cls)[name])


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for part in typing.get_args(hint):
        yield from _parts(part)
