"""CreateAcls, key 30, versions 1 to 3.

Behavior
- Each ACL has its own result. One that exists stays, without an error. INVALID_REQUEST for what
  cannot be an ACL: see `check_acl`. Needs ALTER on the cluster.
- SECURITY_DISABLED where no ACLs are enforced; CLUSTER_AUTHORIZATION_FAILED.

Version notes
- 1 adds kinds of patterns (KIP-290); 2 is flexible; 3 adds the resource USER (KIP-373).
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.acl_entries import NO_AUTHORIZER, acls_of, entry_of
from simulator.listeners.kafka.permissions import CLUSTER_REFUSED
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import InvalidAcl, Operation, ResourceType


@api(30, "create_acls", (1, 3))
def create_acls(request: Request) -> Any:
    """Keep ACLs."""
    return request.schema.response(
        results=tuple(_created(request, creation) for creation in request.body.creations)
    )


def _created(request: Request, creation: Any) -> Any:
    code, text = ErrorCode.none, None
    acls = acls_of(request)
    if not request.allowed(Operation.ALTER, ResourceType.CLUSTER):
        code, text = ErrorCode.cluster_authorization_failed, CLUSTER_REFUSED
    elif acls is None:
        code, text = ErrorCode.security_disabled, NO_AUTHORIZER
    else:
        try:
            acls.add(entry_of(creation))
        except InvalidAcl as error:
            code, text = ErrorCode.invalid_request, str(error)
    return request.schema.make("AclCreationResult", error_code=code, error_message=text)
