"""An event handler app: greets whoever connects, and counts what is said.

python app.py [PORT]      6565 by default; 0 takes a free one
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc.aio
from accelbyte.chat.chat.v1 import chat_pb2, chat_pb2_grpc
from google.protobuf.empty_pb2 import Empty
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection


class Seen:
    """The ids of events that were handled: delivery is at least once."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def first_time(self, event: Any) -> bool:
        new = event.id not in self._ids
        self._ids.add(event.id)
        return new


class Greeter(chat_pb2_grpc.ChatUserConnectedServiceServicer):
    """Takes userConnected."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    async def OnMessage(self, request, context):  # noqa: N802
        if self._seen.first_time(request):
            print(f"connected {request.user_id}", flush=True)
        return Empty()


class Listener(chat_pb2_grpc.PersonalChatPersonalChatSentServiceServicer):
    """Takes personalChatSent."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    async def OnMessage(self, request, context):  # noqa: N802
        if self._seen.first_time(request):
            print(f"said {request.payload.personal_chat_sent.payload}", flush=True)
        return Empty()


async def main(port: int) -> None:
    server = grpc.aio.server()
    seen = Seen()
    chat_pb2_grpc.add_ChatUserConnectedServiceServicer_to_server(Greeter(seen), server)
    chat_pb2_grpc.add_PersonalChatPersonalChatSentServiceServicer_to_server(Listener(seen), server)
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    services = chat_pb2.DESCRIPTOR.services_by_name
    offered = ("ChatUserConnectedService", "PersonalChatPersonalChatSentService")
    names = [services[name].full_name for name in offered]
    reflection.enable_server_reflection(
        [*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server
    )
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await health_servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    print(f"listening on 127.0.0.1:{bound}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 6565))
