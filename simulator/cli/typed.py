"""Typed events as a protobuf consumer would print them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.any_pb2 import Any as AnyMessage

    from simulator.catalog import Catalog


def as_json(event: AnyMessage, catalog: Catalog) -> dict[str, Any]:
    """Return the event in protobuf's JSON form, with its type under `@type`.

    Of a type that the catalogue does not have, only the bytes are there, in base64.
    """
    from google.protobuf.json_format import MessageToDict

    try:
        form: dict[str, Any] = MessageToDict(event, descriptor_pool=catalog.pool)
    except TypeError:
        value = base64.b64encode(event.value).decode()
        return {"@type": event.type_url, "base64": value}
    return form
