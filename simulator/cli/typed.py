"""Typed events as a protobuf consumer would print them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.any_pb2 import Any as AnyMessage


def as_json(event: AnyMessage) -> dict[str, Any]:
    """Return the event in protobuf's JSON form, with its type under `@type`.

    Of a type that this program does not know, only the bytes are there, in base64.
    """
    from google.protobuf.json_format import MessageToDict

    from simulator.catalog import Catalog

    try:
        form: dict[str, Any] = MessageToDict(event, descriptor_pool=Catalog.builtin().pool)
    except TypeError:
        value = base64.b64encode(event.value).decode()
        return {"@type": event.type_url, "base64": value}
    return form
