"""InitProducerId, key 22, versions 0 to 5.

Behavior
- A producer without a transactional id gets a new id with epoch 0, whatever it had before.
- Transactions are not served: a transactional id is refused as not authorized, which ends the
  producer with an error at once instead of letting it try for ever.

Version notes
- 2 is flexible; 3 lets a producer ask for a new epoch (KIP-360), which matters to transactions;
  4 adds PRODUCER_FENCED; 5 is of KIP-890.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType


@api(22, "init_producer_id", (0, 5))
def init_producer_id(request: Request) -> Any:
    """Give an id."""
    transactional_id = request.body.transactional_id
    error = ErrorCode.none
    if transactional_id == "":
        error = ErrorCode.invalid_request
    elif transactional_id is not None:
        error = ErrorCode.transactional_id_authorization_failed
    elif not (
        request.allowed(Operation.IDEMPOTENT_WRITE, ResourceType.CLUSTER)
        or request.allowed_some(Operation.WRITE, ResourceType.TOPIC)
    ):
        error = ErrorCode.cluster_authorization_failed
    granted = error is ErrorCode.none
    return request.schema.response(
        error_code=error,
        producer_id=request.cluster.new_producer_id() if granted else -1,
        producer_epoch=0 if granted else -1,
    )
