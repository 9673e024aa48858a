"""ACLs as the requests about them write them."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, TypeVar

from simulator.listeners.kafka.registry import Request
from simulator.log.acls import (
    Acl,
    AclFilter,
    Acls,
    Operation,
    PatternType,
    Permission,
    ResourceType,
)

NO_AUTHORIZER: Final = "No Authorizer is configured."
NO_AUTHORIZER_HERE: Final = "No Authorizer is configured on the broker"

Number = TypeVar("Number", bound=IntEnum)


def acls_of(request: Request) -> Acls | None:
    """The ACLs of the cluster, or None where none are enforced."""
    return request.cluster.guard.acls


def entry_of(creation: Any) -> Acl:
    """The ACL that CreateAcls asks for; what a number does not say is UNKNOWN."""
    return Acl(
        _known(ResourceType, creation.resource_type),
        creation.resource_name,
        _known(PatternType, creation.resource_pattern_type),
        creation.principal,
        creation.host,
        _known(Operation, creation.operation),
        _known(Permission, creation.permission_type),
    )


def filter_of(given: Any) -> AclFilter | None:
    """The filter of DescribeAcls or DeleteAcls; None where it has numbers that say nothing."""
    wanted = AclFilter(
        _known(ResourceType, given.resource_type_filter),
        given.resource_name_filter,
        _known(PatternType, given.pattern_type_filter),
        given.principal_filter,
        given.host_filter,
        _known(Operation, given.operation),
        _known(Permission, given.permission_type),
    )
    numbers = (wanted.resource, wanted.pattern, wanted.operation, wanted.permission)
    return None if any(number == 0 for number in numbers) else wanted


def _known(kind: type[Number], number: int) -> Number:
    try:
        return kind(number)
    except ValueError:
        return kind(0)
