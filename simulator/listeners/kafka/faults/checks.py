"""Rules that could never fire in this cluster are mistakes, and said to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.log.fault_rules import FaultRule, InvalidFault
from simulator.log.kafka_names import api_name

if TYPE_CHECKING:
    from simulator.listeners.kafka.cluster import Cluster


MEMBERS_ASK: Final = frozenset(
    {
        "JoinGroup",
        "SyncGroup",
        "Heartbeat",
        "LeaveGroup",
        "OffsetCommit",
        "OffsetFetch",
        "TxnOffsetCommit",
        "ConsumerGroupHeartbeat",
    }
)
"""The requests of members of groups, whose sessions can expire."""

PRODUCERS_ASK: Final = frozenset(
    {
        "Produce",
        "InitProducerId",
        "AddPartitionsToTxn",
        "AddOffsetsToTxn",
        "TxnOffsetCommit",
        "EndTxn",
    }
)
"""The requests of producers, who can be fenced."""


def check_rule(cluster: Cluster, rule: FaultRule) -> None:
    """Raise where a rule names what is not there.

    `InvalidFault` for an API that is not served, `UnknownNode`, `TopicNotFound` or
    `PartitionNotFound`.
    """
    from simulator.listeners.kafka.registry import registered

    _check_effects(rule)
    if rule.api is not None:
        served = {api_name(api.module) for api in registered().values()}
        if rule.api not in served:
            raise InvalidFault(f"{rule.api} is not served here, so no fault of it can fire")
    for node_id in (rule.broker, rule.stop_broker, rule.move_leader, rule.move_coordinator):
        if node_id is not None and not isinstance(node_id, bool):
            cluster.placement.check(node_id)
    if rule.topic is not None and rule.api not in ("CreateTopics", "Metadata"):
        if rule.partition is None:
            cluster.log.topic(rule.topic)
        else:
            cluster.log.bounds(rule.topic, rule.partition)


def _check_effects(rule: FaultRule) -> None:
    for effect, wanted, apis in (
        ("expire_session", rule.expire_session, MEMBERS_ASK),
        ("fence_producer", rule.fence_producer, PRODUCERS_ASK),
    ):
        if wanted and rule.api is not None and rule.api not in apis:
            known = ", ".join(sorted(apis))
            raise InvalidFault(f"{effect} does nothing for {rule.api}; it is for {known}")
