"""Typed events as a protobuf consumer would print them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.any_pb2 import Any as AnyMessage
    from google.protobuf.descriptor_pool import DescriptorPool

    from simulator.cli.client import Client


def pool_of_server(client: Client) -> DescriptorPool:
    """The types that a running simulator describes by reflection; each is asked for when needed."""
    from google.protobuf.descriptor_pool import DescriptorPool
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
        ProtoReflectionDescriptorDatabase,
    )

    return DescriptorPool(ProtoReflectionDescriptorDatabase(client.channel))


def as_json(event: AnyMessage, pool: DescriptorPool) -> dict[str, Any]:
    """Return the event in protobuf's JSON form, with its type under `@type`.

    Of a type that the pool does not have, only the bytes are there, in base64.
    """
    from google.protobuf.json_format import MessageToDict

    try:
        form: dict[str, Any] = MessageToDict(event, descriptor_pool=pool)
    except TypeError:
        value = base64.b64encode(event.value).decode()
        return {"@type": event.type_url, "base64": value}
    return form
