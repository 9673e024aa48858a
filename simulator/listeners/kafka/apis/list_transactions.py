"""ListTransactions, key 66, versions 0 to 1.

Behavior
- Tells the transactional ids that this broker coordinates (KIP-664), or those in one of the given
  states, of one of the given producers, and with a transaction open for longer than a duration.
- A state that does not exist is told back, and matches nothing.

Version notes
- 1 adds the duration (KIP-994); 2 a pattern for the ids (KIP-1152), which is not served: it is a
  regular expression of whoever asks, and Python's take exponential time for some.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.cluster import TRANSACTION
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType
from simulator.log.transaction import Transaction, TransactionState

_STATES = {state.value: state for state in TransactionState}


@api(66, "list_transactions", (0, 1))
def list_transactions(request: Request) -> Any:
    """List transactions."""
    make, filters = request.schema.make, request.body.state_filters
    return request.schema.response(
        error_code=ErrorCode.none,
        unknown_state_filters=tuple(name for name in filters if name not in _STATES),
        transaction_states=tuple(
            make(
                "TransactionState",
                transactional_id=found.transactional_id,
                producer_id=found.producer_id,
                transaction_state=found.state.value,
            )
            for found in request.cluster.transactions.all()
            if _matches(request, found)
        ),
    )


def _matches(request: Request, found: Transaction) -> bool:
    body, cluster = request.body, request.cluster
    name = found.transactional_id
    if not cluster.coordinates(request.node_id, name, TRANSACTION) or not request.allowed(
        Operation.DESCRIBE, ResourceType.TRANSACTIONAL_ID, name
    ):
        return False
    if body.state_filters and found.state.value not in body.state_filters:
        return False
    if body.producer_id_filters and found.producer_id not in body.producer_id_filters:
        return False
    duration = body.duration_filter if request.version >= 1 else -1
    began = found.started_at
    if duration < 0:
        return True
    return began is None or cluster.transactions.now - began > duration
