"""Which APIs there are: each file of `apis` registers its own, and ApiVersions tells them all.

The files are imported when the first client connects, since they need the codec.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, NamedTuple

from simulator.listeners.kafka.cluster import Cluster
from simulator.listeners.kafka.messages import Version
from simulator.listeners.kafka.session import Session
from simulator.log.acls import CLUSTER_NAME, OPERATIONS, Operation, ResourceType


class Request(NamedTuple):
    """A request as its API sees it.

    `node_id` is the broker that it reached, at the address `local`; `session` is what that one
    knows of the client.
    """

    body: Any
    schema: Version
    version: int
    client_id: str
    client_host: str
    local: tuple[str, int]
    cluster: Cluster
    node_id: int
    session: Session

    def allowed(
        self, operation: Operation, resource: ResourceType, name: str = CLUSTER_NAME
    ) -> bool:
        """Whether the client may do that; where no ACLs are enforced everybody may."""
        acls = self.cluster.guard.acls
        return acls is None or acls.allow(
            self.session.principal, self.client_host, operation, resource, name
        )

    def allowed_some(self, operation: Operation, resource: ResourceType) -> bool:
        """Whether the client may do that with any resource of a kind."""
        acls = self.cluster.guard.acls
        return acls is None or acls.allow_some(
            self.session.principal, self.client_host, operation, resource
        )

    def authorized_operations(self, resource: ResourceType, name: str = CLUSTER_NAME) -> int:
        """Everything that the client may do with a resource, as bits of `AclOperation`."""
        return sum(
            1 << operation
            for operation in OPERATIONS[resource]
            if self.allowed(operation, resource, name)
        )


NO_RESPONSE: Any = object()
"""What a handler returns for a request that the protocol leaves unanswered (acks=0)."""

Handler = Callable[[Request], Any]
"""Returns a response, a future of one, or NO_RESPONSE."""


class Api(NamedTuple):
    """An API with the versions that are served.

    `advertised_min` is lower than `min_version` where a real broker also says so.
    """

    key: int
    module: str
    min_version: int
    max_version: int
    handler: Handler
    advertised_min: int


_apis: dict[int, Api] = {}


def api(
    key: int, module: str, versions: tuple[int, int], *, advertised_min: int | None = None
) -> Callable[[Handler], Handler]:
    """Register a function as the handler of the API that the codec calls `module`."""

    def register(handler: Handler) -> Handler:
        low, high = versions
        shown = low if advertised_min is None else advertised_min
        _apis[key] = Api(key, module, low, high, handler, shown)
        return handler

    return register


@cache
def registered() -> Mapping[int, Api]:
    """All APIs by key, in the order of their keys."""
    package = import_module("simulator.listeners.kafka.apis")
    for module in iter_modules(package.__path__, f"{package.__name__}."):
        import_module(module.name)
    return dict(sorted(_apis.items()))


def later() -> asyncio.Future[Any]:
    """A future for a response that must wait."""
    return asyncio.get_running_loop().create_future()
