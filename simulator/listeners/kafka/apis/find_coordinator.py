"""FindCoordinator, key 10, versions 0 to 5.

Behavior
- Groups and transactional ids are spread over the brokers as by the partitions of
  `__consumer_offsets` and `__transaction_state`, whose leaders coordinate; a test may move single
  ones. COORDINATOR_NOT_AVAILABLE where no such leader runs. Other kinds of keys are
  INVALID_REQUEST.

Version notes
- 1 adds the kind of key; 3 is flexible; 4 asks for several keys at once (KIP-699); 5 is of KIP-890;
  6 is for share groups (KIP-932), which are not served.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.endpoints import endpoint
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType
from simulator.log.placement import NO_LEADER, CoordinatorKind

GROUP, TRANSACTION, SHARE = 0, 1, 2


MALFORMED = (
    "This most likely occurs because of a request being malformed by the client library or the "
    "message was sent to an incompatible broker. See the broker logs for more details."
)
"""What Kafka says beside INVALID_REQUEST."""


@api(10, "find_coordinator", (0, 5))
def find_coordinator(request: Request) -> Any:
    """Name the broker that coordinates."""
    kind = request.body.key_type if request.version >= 1 else GROUP
    if request.version < 4:
        return request.schema.response(**_found(request, kind, request.body.key))
    return request.schema.response(
        coordinators=tuple(
            request.schema.make("Coordinator", key=key, **_found(request, kind, key))
            for key in request.body.coordinator_keys
        )
    )


def _found(request: Request, kind: int, key: str) -> dict[str, Any]:
    """Where the coordinator of a key is, or why there is none."""
    if kind == GROUP and not request.allowed(Operation.DESCRIBE, ResourceType.GROUP, key):
        text = "Group authorization failed." if request.version < 4 else ""
        return _none(ErrorCode.group_authorization_failed, text)
    if kind == TRANSACTION and not request.allowed(
        Operation.DESCRIBE, ResourceType.TRANSACTIONAL_ID, key
    ):
        text = "Transactional Id authorization failed." if request.version < 4 else ""
        return _none(ErrorCode.transactional_id_authorization_failed, text)
    if kind not in (GROUP, TRANSACTION):
        text = "" if kind == SHARE and request.version >= 4 else MALFORMED
        return _none(ErrorCode.invalid_request, text)
    node_id = request.cluster.placement.coordinator(CoordinatorKind(kind), key)
    if node_id == NO_LEADER:
        text = "The coordinator is not available." if request.version < 4 else ""
        return _none(ErrorCode.coordinator_not_available, text)
    return {
        **endpoint(request, node_id),
        "error_code": ErrorCode.none,
        "error_message": "NONE" if request.version < 4 else "",
    }


def _none(code: ErrorCode, text: str) -> dict[str, Any]:
    return {"node_id": -1, "host": "", "port": -1, "error_code": code, "error_message": text}
