"""Rules that could never fire in this cluster are mistakes, and said to be."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from simulator.log.fault_rules import FaultRule, InvalidFault
from simulator.log.kafka_names import api_name

if TYPE_CHECKING:
    from simulator.listeners.kafka.cluster import Cluster
    from simulator.listeners.kafka.registry import Api

PLACE_FIELDS: Final = ("group", "transactional_id", "topic", "partition")
"""The conditions of a rule that are about what a request names."""

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
        served = {api_name(api.module): api for api in registered().values()}
        if rule.api not in served:
            raise InvalidFault(f"{rule.api} is not served here, so no fault of it can fire")
        _check_places(rule, rule.api, served[rule.api])
    for node_id in (rule.broker, rule.stop_broker, rule.move_leader, rule.move_coordinator):
        if node_id is not None and not isinstance(node_id, bool):
            cluster.placement.check(node_id)
    if rule.topic is not None and rule.api not in ("CreateTopics", "Metadata"):
        if rule.partition is None:
            cluster.log.topic(rule.topic)
        else:
            cluster.log.bounds(rule.topic, rule.partition)


def _check_places(rule: FaultRule, name: str, api: Api) -> None:
    """Whether requests of the rule's API name what it is about, and what it is to move."""
    wanted = {field: getattr(rule, field) for field in PLACE_FIELDS}
    conditions = {field: value for field, value in wanted.items() if value is not None}
    moves = rule.move_leader is not False, rule.move_coordinator is not False
    if not (conditions or any(moves)):
        return
    named = _named_by(api)
    for field, value in conditions.items():
        if field not in named:
            raise InvalidFault(
                f"{field}={value!r} matches no {name} request: it names {_listed(named)}"
            )
    for effect, is_wanted, needed in (
        ("move_leader", moves[0], {"partition"}),
        ("move_coordinator", moves[1], {"group", "transactional_id"}),
    ):
        if is_wanted and not named & needed:
            raise InvalidFault(
                f"{effect} does nothing for {name}, which names no {' or '.join(sorted(needed))}"
            )


def _listed(named: frozenset[str]) -> str:
    return " and ".join(field for field in PLACE_FIELDS if field in named) or "none of these"


@cache
def _named_by(api: Api) -> frozenset[str]:
    """What requests of an API may name: those of its oldest version, and of its newest one."""
    from simulator.listeners.kafka.faults.places import can_name
    from simulator.listeners.kafka.messages import version_of

    ends = (api.min_version, api.max_version)
    return frozenset().union(*(can_name(version_of(api.module, v).request_class) for v in ends))


def _check_effects(rule: FaultRule) -> None:
    for effect, wanted, apis in (
        ("expire_session", rule.expire_session, MEMBERS_ASK),
        ("fence_producer", rule.fence_producer, PRODUCERS_ASK),
    ):
        if wanted and rule.api is not None and rule.api not in apis:
            known = ", ".join(sorted(apis))
            raise InvalidFault(f"{effect} does nothing for {rule.api}; it is for {known}")
