"""Consumer groups (KIP-848) and OffsetDelete on the wire; errors are those of Apache Kafka 4.4."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from admin_wire import GROUP, SET, change
from kafka_wire import (
    API_VERSIONS,
    CONSUMER_GROUP_DESCRIBE,
    CONSUMER_GROUP_HEARTBEAT,
    DELETE_GROUPS,
    DESCRIBE_GROUPS,
    HEARTBEAT,
    INCREMENTAL_ALTER_CONFIGS,
    JOIN_GROUP,
    LEAVE_GROUP,
    LIST_GROUPS,
    OFFSET_COMMIT,
    OFFSET_DELETE,
    OFFSET_FETCH,
    Make,
    Wire,
    seconds,
)

from simulator import AsyncSimulator
from simulator.scenario.clock import VirtualClock

UNCHANGED = seconds(-0.001)


@pytest.fixture(autouse=True)
def topic_id(sim: AsyncSimulator) -> UUID:
    return sim.create_topic("t", partitions=4).topic_id


async def beat(wire: Wire, member: str, epoch: int, *, version: int = 1, **values: Any) -> Any:
    """A heartbeat in which nothing has changed, but for `values`."""
    unchanged = {
        "group_id": "g",
        "instance_id": None,
        "rack_id": None,
        "rebalance_timeout": UNCHANGED,
        "subscribed_topic_names": None,
        "subscribed_topic_regex": None,
        "server_assignor": None,
        "topic_partitions": None,
    }
    return await wire.ask(
        CONSUMER_GROUP_HEARTBEAT,
        version,
        **{**unchanged, "member_id": member, "member_epoch": epoch, **values},
    )


async def join(wire: Wire, member: str, *topics: str, **values: Any) -> Any:
    full: dict[str, Any] = {
        "rebalance_timeout": seconds(60),
        "subscribed_topic_names": topics or ("t",),
        "topic_partitions": (),
    }
    return await beat(wire, member, 0, **(full | values))


def partitions(answer: Any) -> list[int] | None:
    """Those of the only topic that the answer assigns."""
    if answer.assignment is None:
        return None
    return [n for topic in answer.assignment.topic_partitions for n in topic.partitions]


async def commit(wire: Wire, member: str, epoch: int, *, version: int = 9, group: str = "g") -> str:
    def topics(make: Make) -> Any:
        part = make(
            "OffsetCommitRequestPartition",
            partition_index=0,
            committed_offset=0,
            committed_metadata="",
        )
        return (make("OffsetCommitRequestTopic", name="t", partitions=(part,)),)

    answer = await wire.ask(
        OFFSET_COMMIT,
        version,
        group_id=group,
        member_id=member,
        generation_id_or_member_epoch=epoch,
        topics=topics,
    )
    return str(answer.topics[0].partitions[0].error_code.name)


async def delete_offset(
    wire: Wire, group: str, topic: str = "t", partition: int = 0
) -> tuple[str, list[str]]:
    answer = await wire.ask(
        OFFSET_DELETE,
        0,
        group_id=group,
        topics=lambda make: (
            make(
                "OffsetDeleteRequestTopic",
                name=topic,
                partitions=(make("OffsetDeleteRequestPartition", partition_index=partition),),
            ),
        ),
    )
    found = [p.error_code.name for t in answer.topics for p in t.partitions]
    return answer.error_code.name, found


async def test_two_members_share_a_topic(wire: Wire, topic_id: UUID) -> None:
    first = await join(wire, "a")
    assert (first.error_code.name, first.member_id, first.member_epoch) == ("none", "a", 2)
    assert first.heartbeat_interval == seconds(5)
    assert [t.topic_id for t in first.assignment.topic_partitions] == [topic_id]
    assert partitions(first) == [0, 1, 2, 3]
    assert partitions(await join(wire, "b")) == []
    kept = partitions(await beat(wire, "a", 2))
    assert kept is not None
    assert len(kept) == 2

    def owned(make: Make) -> Any:
        return (make("TopicPartitions", topic_id=topic_id, partitions=tuple(kept)),)

    assert (await beat(wire, "a", 2, topic_partitions=owned)).member_epoch == 3
    got = partitions(await beat(wire, "b", 3))
    assert got is not None
    assert sorted(kept + got) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("version", "values", "message"),
    [
        (1, {"member_id": ""}, "MemberId can't be empty."),
        (0, {"member_id": "", "member_epoch": 1}, "MemberId can't be empty."),
        (1, {"group_id": ""}, "GroupId can't be empty."),
        (1, {"instance_id": ""}, "InstanceId can't be empty."),
        (1, {"rack_id": ""}, "RackId can't be empty."),
        (1, {"member_epoch": -2}, "InstanceId can't be null."),
        (1, {"member_epoch": -3}, "MemberEpoch is invalid."),
        (
            1,
            {"rebalance_timeout": UNCHANGED},
            "RebalanceTimeoutMs must be provided in first request.",
        ),
        (
            1,
            {"topic_partitions": None},
            "TopicPartitions must be empty when (re-)joining.",
        ),
        (
            1,
            {"subscribed_topic_names": None},
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when "
            "(re-)joining.",
        ),
        (1, {"rack_id": "r" * 1001}, "RackId is longer than 1000 characters."),
        (1, {"member_id": "m" * 1001}, "MemberId is longer than 1000 characters."),
    ],
)
async def test_requests_that_make_no_sense(
    wire: Wire, version: int, values: dict[str, Any], message: str
) -> None:
    answer = await join(wire, "m", version=version, **values)
    assert (answer.error_code.name, answer.error_message) == ("invalid_request", message)
    assert (answer.member_epoch, answer.assignment) == (0, None)


async def test_refusals(wire: Wire) -> None:
    async def refused(answer: Any) -> str:
        return str((await answer).error_code.name)

    assert await refused(beat(wire, "m", 1)) == "group_id_not_found"
    assert await refused(join(wire, "m", server_assignor="x")) == "unsupported_assignor"
    bad = join(wire, "m", subscribed_topic_regex="a(")
    assert await refused(bad) == "invalid_regular_expression"
    assert (await join(wire, "m", instance_id="i")).error_code.name == "none"
    assert await refused(beat(wire, "x", 1)) == "unknown_member_id"
    assert await refused(beat(wire, "m", 9)) == "fenced_member_epoch"
    assert await refused(join(wire, "n", instance_id="i")) == "unreleased_instance_id"
    assert await refused(beat(wire, "n", 2, instance_id="i")) == "fenced_instance_id"
    assert await refused(beat(wire, "m", 2, instance_id="other")) == "unknown_member_id"


async def test_version_0_gives_members_their_ids(wire: Wire) -> None:
    first, second = [await join(wire, "", version=0) for _ in range(2)]
    assert first.member_id != second.member_id
    assert (await beat(wire, first.member_id, first.member_epoch)).error_code.name == "none"


async def test_topics_that_an_expression_describes(wire: Wire, sim: AsyncSimulator) -> None:
    values = {"subscribed_topic_names": None, "subscribed_topic_regex": "t.*"}
    assert partitions(await join(wire, "m", **values)) == [0, 1, 2, 3]
    sim.create_topic("t2")
    assert sorted(partitions(await beat(wire, "m", 2)) or ()) == [0, 0, 1, 2, 3]


async def test_commits_of_members(wire: Wire) -> None:
    await join(wire, "m")
    assert await commit(wire, "m", 2) == "none"
    assert await commit(wire, "m", 1) == "stale_member_epoch"
    assert await commit(wire, "m", 3) == "stale_member_epoch"
    assert await commit(wire, "x", 2) == "unknown_member_id"
    assert await commit(wire, "", -1) == "unknown_member_id"
    assert await commit(wire, "m", 2, version=8) == "unsupported_version"
    assert await commit(wire, "m", 2, group="none") == "group_id_not_found"
    assert await commit(wire, "m", 2, group="none", version=8) == "illegal_generation"


@pytest.mark.parametrize(
    ("member", "epoch", "error"),
    [
        ("m", 2, "none"),
        (None, -1, "none"),
        ("m", 1, "stale_member_epoch"),
        ("m", -1, "stale_member_epoch"),
        ("x", 2, "unknown_member_id"),
        ("", -1, "unknown_member_id"),
    ],
)
async def test_who_may_ask_for_offsets(
    wire: Wire, member: str | None, epoch: int, error: str
) -> None:
    await join(wire, "m")
    await commit(wire, "m", 2)
    answer = await wire.ask(
        OFFSET_FETCH,
        9,
        groups=lambda make: (
            make(
                "OffsetFetchRequestGroup",
                group_id="g",
                member_id=member,
                member_epoch=epoch,
                topics=None,
            ),
        ),
    )
    (group,) = answer.groups
    assert group.error_code.name == error
    assert len(group.topics) == (error == "none")


async def test_what_administrators_see(wire: Wire, topic_id: UUID) -> None:
    await join(wire, "m", rack_id="r", instance_id="i", server_assignor="range")
    answer = await wire.ask(
        CONSUMER_GROUP_DESCRIBE,
        1,
        group_ids=("g", "none", ""),
        include_authorized_operations=False,
    )
    group, missing, nameless = answer.groups
    assert (group.group_state, group.group_epoch, group.assignment_epoch) == ("Stable", 2, 2)
    assert group.assignor_name == "range"
    (member,) = group.members
    assert (member.member_id, member.instance_id, member.rack_id) == ("m", "i", "r")
    assert (member.member_epoch, member.member_type) == (2, 1)
    assert (member.client_id, member.client_host) == ("test", "/127.0.0.1")
    assert (member.subscribed_topic_names, member.subscribed_topic_regex) == (("t",), "")
    for assignment in (member.assignment, member.target_assignment):
        (found,) = assignment.topic_partitions
        assert (found.topic_id, found.topic_name) == (topic_id, "t")
        assert found.partitions == (0, 1, 2, 3)
    assert missing.error_code.name == "group_id_not_found"
    assert missing.error_message == "Group none not found."
    assert nameless.error_code.name == "invalid_group_id"

    listed = await wire.ask(LIST_GROUPS, 5, states_filter=(), types_filter=("Consumer",))
    (found,) = listed.groups
    assert (found.group_id, found.group_type) == ("g", "consumer")
    assert (found.protocol_type, found.group_state) == ("consumer", "Stable")
    listed = await wire.ask(LIST_GROUPS, 5, states_filter=(), types_filter=("classic",))
    assert listed.groups == ()
    described = await wire.ask(
        DESCRIBE_GROUPS, 6, groups=("g",), include_authorized_operations=False
    )
    (found,) = described.groups
    assert (found.error_code.name, found.group_state) == ("group_id_not_found", "Dead")
    assert found.error_message == "Group g is not a classic group."
    deleted = await wire.ask(DELETE_GROUPS, 2, groups_names=("g",))
    assert deleted.results[0].error_code.name == "non_empty_group"


def joining(member: str = "") -> dict[str, Any]:
    return {
        "group_id": "g",
        "member_id": member,
        "session_timeout": seconds(600),
        "rebalance_timeout": seconds(60),
        "protocol_type": "consumer",
        "protocols": lambda make: (make("JoinGroupRequestProtocol", name="range", metadata=b""),),
    }


async def test_a_group_is_of_one_kind_while_somebody_is_in_it(wire: Wire) -> None:
    await join(wire, "m")
    refused = await wire.ask(JOIN_GROUP, 3, **joining())
    assert refused.error_code.name == "inconsistent_group_protocol"
    beaten = await wire.ask(HEARTBEAT, 3, group_id="g", generation_id=2, member_id="m")
    assert beaten.error_code.name == "unknown_member_id"
    await beat(wire, "m", -1)
    classic = await wire.ask(JOIN_GROUP, 3, **joining())
    assert (classic.error_code.name, classic.generation_id) == ("none", 1)
    answer = await join(wire, "m")
    assert answer.error_code.name == "group_id_not_found"
    assert answer.error_message.startswith("Cannot upgrade classic group g to consumer group")
    answer = await beat(wire, "m", 2)
    assert answer.error_message == "Group g is not a consumer group."
    await wire.ask(LEAVE_GROUP, 0, group_id="g", member_id=classic.member_id)
    assert (await join(wire, "m")).error_code.name == "none"


async def test_administrators_remove_members(wire: Wire) -> None:
    await join(wire, "a")
    await join(wire, "b", instance_id="i")

    def members(make: Make) -> Any:
        named = [("a", None), ("", "i"), ("x", None), ("", "j")]
        return tuple(
            make("MemberIdentity", member_id=member, group_instance_id=instance, reason=None)
            for member, instance in named
        )

    answer = await wire.ask(LEAVE_GROUP, 5, group_id="g", members=members)
    assert [member.error_code.name for member in answer.members] == [
        "none",
        "none",
        "unknown_member_id",
        "unknown_member_id",
    ]
    assert (await beat(wire, "a", 2)).error_code.name == "unknown_member_id"


async def test_a_clock_advanced_by_hand_ends_sessions(sim: AsyncSimulator, wire: Wire) -> None:
    await join(wire, "m")
    assert isinstance(sim.clock, VirtualClock)
    sim.clock.advance("25s")
    assert (await beat(wire, "m", 2)).error_code.name == "none"
    sim.clock.advance("46s")
    assert (await beat(wire, "m", 2)).error_code.name == "unknown_member_id"


async def test_settings_of_one_group(sim: AsyncSimulator, wire: Wire) -> None:
    settings = {"consumer.heartbeat.interval.ms": "7000", "consumer.session.timeout.ms": "60000"}
    answer = await wire.ask(
        INCREMENTAL_ALTER_CONFIGS,
        1,
        resources=lambda make: (
            make(
                "AlterConfigsResource",
                resource_type=32,
                resource_name="g",
                configs=tuple(
                    make("AlterableConfig", name=name, config_operation=0, value=value)
                    for name, value in settings.items()
                ),
            ),
        ),
        validate_only=False,
    )
    assert answer.responses[0].error_code.name == "none"
    assert (await join(wire, "m")).heartbeat_interval == seconds(7)
    other = await join(wire, "m", group_id="other")
    assert other.heartbeat_interval == seconds(5)
    assert isinstance(sim.clock, VirtualClock)
    sim.clock.advance("46s")  # the real clock adds what the requests take
    assert (await beat(wire, "m", 2)).error_code.name == "none"
    answer = await beat(wire, "m", 2, group_id="other")
    assert answer.error_code.name == "unknown_member_id"


@pytest.mark.parametrize("how", ["reset", "restore"])
async def test_members_join_again_when_the_log_is_another(
    sim: AsyncSimulator, wire: Wire, how: str
) -> None:
    """The group stays, since a client takes a group that is gone for the end of everything."""
    snapshot = sim.snapshot()
    await join(wire, "m", "chat")
    await commit(wire, "m", 2)
    if how == "reset":
        sim.reset()
    else:
        sim.restore(snapshot)
    assert sim.log.groups.committed("g", "t", 0) is None
    assert (await beat(wire, "m", 2)).error_code.name == "unknown_member_id"
    assert partitions(await join(wire, "m", "chat")) == [0]


async def test_offsets_are_deleted_one_by_one(sim: AsyncSimulator, wire: Wire) -> None:
    assert await delete_offset(wire, "g") == ("group_id_not_found", [])
    assert await delete_offset(wire, "") == ("invalid_group_id", [])
    await join(wire, "m")
    await commit(wire, "m", 2)
    assert await delete_offset(wire, "g") == ("none", ["group_subscribed_to_topic"])
    await beat(wire, "m", -1)
    assert await delete_offset(wire, "g", "nope") == ("none", ["unknown_topic_or_partition"])
    assert await delete_offset(wire, "g", "t", 9) == ("none", ["unknown_topic_or_partition"])
    assert sim.log.groups.committed("g", "t", 0) == 0
    assert await delete_offset(wire, "g") == ("none", ["none"])
    assert sim.log.groups.committed("g", "t", 0) is None


async def test_clients_see_that_consumer_groups_are_served(wire: Wire) -> None:
    answer = await wire.ask(
        API_VERSIONS, 4, client_software_name="test", client_software_version="1"
    )
    levels = {f.name: (f.min_version_level, f.max_version_level) for f in answer.finalized_features}
    ranges = {f.name: (f.min_version, f.max_version) for f in answer.supported_features}
    assert levels["group.version"] == (1, 1)
    assert ranges["group.version"] == (0, 1)
    assert answer.finalized_features_epoch >= 0


async def test_a_group_may_have_settings_of_its_own(wire: Wire, sim: AsyncSimulator) -> None:
    own = (
        ("consumer.heartbeat.interval.ms", SET, "7000"),
        (
            "consumer.session.timeout.ms",
            SET,
            "60000",
        ),
    )
    assert await change(wire, GROUP, "g", *own) == ("none", None)
    first = await join(wire, "a")
    assert first.heartbeat_interval == seconds(7)
    assert isinstance(sim.clock, VirtualClock)
    sim.clock.advance("46s")  # longer than the brokers' own timeout
    assert (await beat(wire, "a", first.member_epoch)).error_code.name == "none"
    sim.clock.advance("61s")
    gone = await beat(wire, "a", first.member_epoch)
    assert gone.error_code.name == "unknown_member_id"
