"""FindCoordinator, key 10, versions 0 to 5.

Behavior
- The only broker coordinates every group.
- Transactions are not served: a transactional id is refused as not authorized, which ends the
  producer with an error at once. Other kinds of keys are INVALID_REQUEST.

Version notes
- 1 adds the kind of key; 3 is flexible; 4 asks for several keys at once (KIP-699); 5 is of KIP-890;
  6 is for share groups (KIP-932), which are not served.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.limits import NODE_ID
from simulator.listeners.kafka.registry import Request, api

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
    host, port = request.local
    found: dict[str, Any] = {
        "node_id": NODE_ID,
        "host": host,
        "port": port,
        "error_code": ErrorCode.none,
        "error_message": "NONE" if request.version < 4 else "",
    }
    if kind != GROUP:
        text = "" if kind == SHARE and request.version >= 4 else MALFORMED
        found = {
            "node_id": -1,
            "host": "",
            "port": -1,
            "error_code": ErrorCode.transactional_id_authorization_failed
            if kind == TRANSACTION
            else ErrorCode.invalid_request,
            "error_message": text
            if kind != TRANSACTION
            else "this broker serves no transactions and no share groups",
        }
    if request.version < 4:
        return request.schema.response(**found)
    return request.schema.response(
        coordinators=tuple(
            request.schema.make("Coordinator", key=key, **found)
            for key in request.body.coordinator_keys
        )
    )
