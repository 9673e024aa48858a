"""DeleteAcls, key 31, versions 1 to 3.

Behavior
- Each filter has its own result, which tells the ACLs that it meant and that are gone now. Needs
  ALTER on the cluster.
- SECURITY_DISABLED where no ACLs are enforced; CLUSTER_AUTHORIZATION_FAILED; INVALID_REQUEST for a
  number that says nothing, where a real broker cannot read the request.

Version notes
- 1 adds kinds of patterns (KIP-290); 2 is flexible; 3 adds the resource USER (KIP-373).
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.acl_entries import NO_AUTHORIZER, acls_of, filter_of
from simulator.listeners.kafka.permissions import CLUSTER_REFUSED
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Acl, Operation, ResourceType


@api(31, "delete_acls", (1, 3))
def delete_acls(request: Request) -> Any:
    """Forget ACLs."""
    allowed = request.allowed(Operation.ALTER, ResourceType.CLUSTER)
    return request.schema.response(
        filter_results=tuple(_deleted(request, given, allowed) for given in request.body.filters)
    )


def _deleted(request: Request, given: Any, allowed: bool) -> Any:
    code, text, deleted = ErrorCode.none, None, list[Acl]()
    acls, wanted = acls_of(request), filter_of(given)
    if not allowed:
        code, text = ErrorCode.cluster_authorization_failed, CLUSTER_REFUSED
    elif acls is None:
        code, text = ErrorCode.security_disabled, NO_AUTHORIZER
    elif wanted is None:
        code, text = ErrorCode.invalid_request, "the filter has unknown elements"
    else:
        deleted = acls.delete(wanted)
    return request.schema.make(
        "DeleteAclsFilterResult",
        error_code=code,
        error_message=text,
        matching_acls=tuple(
            request.schema.make(
                "DeleteAclsMatchingAcl",
                error_code=ErrorCode.none,
                error_message=None,
                resource_type=acl.resource,
                resource_name=acl.name,
                pattern_type=acl.pattern,
                principal=acl.principal,
                host=acl.host,
                operation=acl.operation,
                permission_type=acl.permission,
            )
            for acl in deleted
        ),
    )
