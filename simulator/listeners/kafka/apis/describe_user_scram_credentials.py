"""DescribeUserScramCredentials, key 50, version 0.

Behavior
- Mechanisms and iterations of the named users, or of all where none is named; never what proves a
  password. Needs DESCRIBE on the cluster.
- RESOURCE_NOT_FOUND for a user without any, DUPLICATE_RESOURCE for one that is named twice;
  CLUSTER_AUTHORIZATION_FAILED.

Version notes
- 0 is of KIP-554, and flexible.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.permissions import CLUSTER_REFUSED
from simulator.listeners.kafka.registry import Request, api
from simulator.listeners.kafka.users import SCRAM_NUMBERS
from simulator.log.acls import Operation, ResourceType


@api(50, "describe_user_scram_credentials", (0, 0))
def describe_user_scram_credentials(request: Request) -> Any:
    """Tell who can log in with SCRAM."""
    if not request.allowed(Operation.DESCRIBE, ResourceType.CLUSTER):
        code = ErrorCode.cluster_authorization_failed
        return request.schema.response(error_code=code, error_message=CLUSTER_REFUSED, results=())
    asked = Counter(user.name for user in request.body.users or ())
    names = asked or Counter(request.cluster.guard.users.names())
    return request.schema.response(
        error_code=ErrorCode.none,
        error_message="",
        results=tuple(_described(request, name, times) for name, times in names.items()),
    )


def _described(request: Request, name: str, times: int) -> Any:
    code, text = ErrorCode.none, ""
    found = request.cluster.guard.users.iterations(name)
    if times > 1:
        code, found = ErrorCode.duplicate_resource, {}
        text = (
            f"Cannot describe SCRAM credentials for the same user twice in a single request: {name}"
        )
    elif not found:
        code = ErrorCode.resource_not_found
        text = f"Attempt to describe a user credential that does not exist: {name}"
    return request.schema.make(
        "DescribeUserScramCredentialsResult",
        user=name,
        error_code=code,
        error_message=text,
        credential_infos=tuple(
            request.schema.make(
                "CredentialInfo", mechanism=SCRAM_NUMBERS[mechanism], iterations=iterations
            )
            for mechanism, iterations in found.items()
        ),
    )
