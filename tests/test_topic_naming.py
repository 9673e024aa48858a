"""Topic prefixes, record keys and extra envelope fields, as an installation sets them."""

from __future__ import annotations

import json
from pathlib import Path

import grpc
import orjson
import pytest
from confluent_kafka import Consumer

from simulator import Simulator
from simulator.catalog import Catalog
from simulator.settings import InvalidSetting, Settings
from simulator.v1 import broker_pb2, broker_pb2_grpc

STORY = """
name: named
users: {alice: {}}
steps:
  - connect: alice
  - produce: {event: userDisconnected, topic: chat, user: alice}
  - produce: {raw: anything, topic: notes}
expect:
  - count: {topic: chat, is: 2}
  - count: {topic: chat, event: userConnected, user: alice, is: 1}
"""


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "named.yaml"
    path.write_text(STORY)
    return path


def test_stories_and_tests_say_what_the_channel_is_called(story: Path) -> None:
    with Simulator(topic_prefix="dev", grpc_port=None, kafka_port=None) as sim:
        sim.create_topic("notes")
        sim.play(story)
        assert [topic.name for topic in sim.topics()] == ["dev.chat", "dev.personalChat", "notes"]
        names = ["userConnected", "userDisconnected"]
        for topic in ("chat", "dev.chat"):
            assert [event.name for event in sim.events(topic)] == names
            assert (
                sim.wait_for(topic, name="userConnected", user="alice", timeout=60).topic
                == "dev.chat"
            )
        example = Catalog.builtin().find("userConnected").example
        assert sim.publish("chat", example).place.topic == "dev.chat"
        assert sim.delete_records("chat", 1) == 1


def test_doors_say_the_whole_name(story: Path) -> None:
    with Simulator(topic_prefix="dev", topic_separator="-") as sim:
        sim.create_topic("notes")
        sim.play(story)
        with grpc.insecure_channel(sim.grpc_target) as channel:
            stub = broker_pb2_grpc.BrokerStub(channel)
            described = stub.DescribeTopics(broker_pb2.DescribeTopicsRequest())
            assert {topic.topic: bool(topic.events) for topic in described.topics} == {
                "dev-personalChat": True,
                "dev-chat": True,
                "notes": False,
            }
            request = broker_pb2.SubscribeRequest(topics=["dev-chat"], stop_at_end=True, typed=True)
            records = [each for answer in stub.Subscribe(request) for each in answer.records]
            assert records[0].topic == "dev-chat"
            assert records[0].event.TypeName() == "accelbyte.chat.chat.v1.UserConnected"
            publish = broker_pb2.PublishRequest(
                records=[broker_pb2.PublishRecord(topic="dev-chat", event=records[0].event)]
            )
            assert stub.Publish(publish).offsets[0].topic == "dev-chat"
            publish.records[0].topic = "chat"
            with pytest.raises(grpc.RpcError) as refused:
                stub.Publish(publish)
            assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        consumer = Consumer(
            {
                "bootstrap.servers": sim.bootstrap_servers,
                "group.id": "dev-readers",
                "auto.offset.reset": "earliest",
            }
        )
        consumer.subscribe(["dev-chat"])
        message = consumer.poll(30)
        assert message is not None
        assert orjson.loads(message.value() or b"")["name"] == "userConnected"
        consumer.close()


def test_services_are_named_after_channels_not_topics() -> None:
    prefixed = Catalog.builtin().with_topic_prefix("dev.")
    for message in Catalog.builtin().messages:
        other = prefixed.message(f"dev.{message.channel}", message.name)
        assert other.service_name == message.service_name
        assert other is prefixed.message(message.channel, message.name)
        assert prefixed.said(other.topic) == message.channel
    assert prefixed.topic("notes") == prefixed.said("notes") == "notes"


def test_the_groups_of_handlers_have_the_prefix() -> None:
    with Simulator(topic_prefix="dev", grpc_port=None, kafka_port=None) as sim:
        sim.handlers.add("127.0.0.1:9")
        (report,) = sim.handlers.reports()
        assert report.group == "dev.handlers.127.0.0.1:9"


@pytest.mark.parametrize("bad", ["a b", "ä", "x" * 101])
def test_a_prefix_must_be_fit_for_topics(bad: str) -> None:
    with pytest.raises(InvalidSetting, match="topic_prefix"):
        Settings(topic_prefix=bad)


@pytest.mark.parametrize(
    ("record_key", "field"),
    [("id", "id"), ("userId", "userId"), ("payload.userConnected.nothing", None), (None, None)],
)
def test_records_are_keyed_as_the_setting_says(record_key: str | None, field: str | None) -> None:
    with Simulator(record_key=record_key, grpc_port=None, kafka_port=None) as sim:
        sim.play("first_connect")
        sim.publish("chat", sim.events("chat")[0].json)
        sim.publish("chat", sim.events("chat")[0].json, key="mine")
        *keyed, last = sim.events("chat")
        for event in keyed:
            expected = None if field is None else event.json[field].encode()
            assert event.record.key == expected
        assert last.record.key == b"mine"


def test_a_record_key_must_be_a_path() -> None:
    with pytest.raises(InvalidSetting, match="record_key"):
        Settings(record_key="a..b")


def test_extra_fields_of_the_envelope() -> None:
    options = {"start": "2026-01-31T18:00:00Z", "grpc_port": None, "kafka_port": None}
    with Simulator(extra_fields=True, **options) as sim:  # type: ignore[arg-type]
        sim.play("two_friends_chat", start="2026-01-31T18:00:00Z")
        extended = [event.json for event in sim.events()]
    with Simulator(**options) as sim:  # type: ignore[arg-type]
        sim.play("two_friends_chat", start="2026-01-31T18:00:00Z")
        plain = [event.json for event in sim.events()]
    assert json.loads(json.dumps(extended[0]))["timestampUnixNano"] == 1769882400000000000
    for event in extended:
        assert event.pop("unionNamespace") == ""
        del event["timestampUnixNano"]
    assert extended == plain
