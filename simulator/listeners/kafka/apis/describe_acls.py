"""DescribeAcls, key 29, versions 1 to 3.

Behavior
- The ACLs that a filter means, by resource pattern. Needs DESCRIBE on the cluster.
- SECURITY_DISABLED where no ACLs are enforced; CLUSTER_AUTHORIZATION_FAILED; INVALID_REQUEST for a
  number that says nothing, where a real broker cannot read the request.

Version notes
- 1 adds kinds of patterns (KIP-290); 2 is flexible; 3 adds the resource USER (KIP-373).
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.acl_entries import NO_AUTHORIZER_HERE, acls_of, filter_of
from simulator.listeners.kafka.permissions import CLUSTER_REFUSED
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Acl, Operation, PatternType, ResourceType


@api(29, "describe_acls", (1, 3))
def describe_acls(request: Request) -> Any:
    """Tell ACLs."""
    if not request.allowed(Operation.DESCRIBE, ResourceType.CLUSTER):
        return _failed(request, ErrorCode.cluster_authorization_failed, CLUSTER_REFUSED)
    acls, wanted = acls_of(request), filter_of(request.body)
    if acls is None:
        return _failed(request, ErrorCode.security_disabled, NO_AUTHORIZER_HERE)
    if wanted is None:
        return _failed(request, ErrorCode.invalid_request, "the filter has unknown elements")
    found: dict[tuple[ResourceType, str, PatternType], list[Acl]] = {}
    for acl in acls.find(wanted):
        found.setdefault((acl.resource, acl.name, acl.pattern), []).append(acl)
    make = request.schema.make
    return request.schema.response(
        error_code=ErrorCode.none,
        error_message=None,
        resources=tuple(
            make(
                "DescribeAclsResource",
                resource_type=resource,
                resource_name=name,
                pattern_type=pattern,
                acls=tuple(
                    make(
                        "AclDescription",
                        principal=acl.principal,
                        host=acl.host,
                        operation=acl.operation,
                        permission_type=acl.permission,
                    )
                    for acl in entries
                ),
            )
            for (resource, name, pattern), entries in found.items()
        ),
    )


def _failed(request: Request, code: ErrorCode, text: str | None) -> Any:
    return request.schema.response(error_code=code, error_message=text, resources=())
