from __future__ import annotations

import uuid
from typing import Any

import pytest
from stage import START, Told, new_log, read_all, script_of, tell

from simulator.catalog import Catalog
from simulator.log import TopicLog
from simulator.publishing import Publisher
from simulator.scenario.engine.paths import remove_path, set_path
from simulator.scenario.engine.run import Run
from simulator.scenario.errors import ScenarioError, StepError

# --- produce ---------------------------------------------------------------------------------


def test_a_produced_event_is_the_catalogues_example_in_a_fresh_envelope() -> None:
    told = tell(
        """
        namespace: my-game
        steps:
          - wait: 2s
          - produce: {event: userDisconnected}
        """
    )
    (event,) = told.events
    example = Catalog.builtin().message("chat", "userDisconnected").example
    assert event.json["payload"] == example["payload"]
    assert event.json["name"] == "userDisconnected"
    assert event.json["namespace"] == "my-game"
    assert event.json["timestamp"] == "2026-01-01T00:00:02.000Z"
    assert event.record.key == event.json["id"].encode()
    assert uuid.UUID(event.json["id"]).version == 4
    assert (event.user, event.session, event.ms) == (None, None, 2000)
    assert not event.record.unchecked


def test_a_produced_event_can_be_of_a_user_in_session() -> None:
    told = tell("steps: [connect: alice, produce: {event: userDisconnected, user: alice}]")
    connected, produced = told.events
    assert (produced.user, produced.session) == ("alice", connected.session)
    # It passes the service by: Alice is still connected.
    assert list(told.run.service.online) == [told.run.cast.user("alice")]


def test_set_and_remove_change_the_event_and_templates_keep_types() -> None:
    told = tell(
        """
        variables: {code: 4000, who: alice}
        steps:
          - produce:
              event: personalChatSent
              set:
                payload.personalChatSent.sender_id: "${who.id}"
                payload.personalChatSent.target_members.0: first
                payload.personalChatSent.mood: {level: "${code}", words: ["${who}", 1.5, null]}
                payload.extra.deep: true
                clientId: "client ${code}"
              remove: [traceId, payload.personalChatSent.payload, spanContext, no.such.path]
        """
    )
    (event,) = told.events
    data = event.json["payload"]["personalChatSent"]
    assert data["sender_id"] == told.run.cast.user("alice")
    assert data["target_members"][0] == "first"
    assert data["mood"] == {"level": 4000, "words": ["alice", 1.5, None]}
    assert event.json["payload"]["extra"] == {"deep": True}
    assert event.json["clientId"] == "client 4000"
    assert "traceId" not in event.json
    assert "payload" not in data


@pytest.mark.parametrize(
    "parts",
    [
        "event: userConnected, set: {" + ", ".join(f"a{n}: '${{big}}!'" for n in range(100)) + "}",
        "topic: chat, raw: x, headers: {"
        + ", ".join(f"a{n}: '${{big}}!'" for n in range(99))
        + "}",
    ],
)
def test_a_record_that_comes_to_too_much_is_not_even_made(parts: str) -> None:
    story = f"variables: {{big: {'x' * 100_000}}}\nsteps:\n  - produce: {{{parts}}}"
    with pytest.raises(StepError, match=r"^story\.yaml:3:\d+: the record is larger than 1 MiB"):
        tell(story)


def test_the_example_itself_never_changes() -> None:
    story = "steps: [produce: {event: personalChatSent, set: {payload.personalChatSent.a.b: 1}}]"
    tell(story)
    assert "a" not in Catalog.builtin().find("personalChatSent").example["payload"]


def test_key_headers_partition_and_timestamp_of_a_record() -> None:
    told = tell(
        """
        variables: {k: 7}
        steps:
          - produce:
              event: userConnected
              key: "key-${k}"
              headers: {attempt: "${k}", source: test}
              partition: 2
              set: {timestamp: "2026-01-01T01:00:01.5+01:00"}
        """,
        log=new_log(partitions=3),
    )
    (record,) = told
    assert record.key == b"key-7"
    assert record.headers == (("attempt", b"7"), ("source", b"test"))
    assert record.partition == 2
    assert record.timestamp == START // 1_000_000 + 1500


def test_a_set_id_is_the_key_and_an_unreadable_timestamp_leaves_the_storys_time() -> None:
    told = tell(
        """
        steps:
          - wait: 3s
          - produce: {event: userConnected, set: {id: mine, timestamp: soon}, validate: false}
          - produce: {event: userConnected, remove: [timestamp]}
        """
    )
    first, second = told.events
    assert (first.record.key, first.ms, first.record.unchecked) == (b"mine", 3000, True)
    assert second.ms == 3000


def test_raw_records_are_any_text_and_marked() -> None:
    told = tell(
        """
        steps:
          - wait: 1s
          - produce: {topic: chat, raw: "not json ${now}", validate: false}
          - produce: {topic: chat, raw: "", validate: false}
          - produce: {topic: chat, raw: "not json", key: k, validate: false}
          - late: {by: 1s, steps: [produce: {topic: chat, raw: "[1]", validate: false}]}
        """
    )
    records = list(told)
    assert [record.value for record in records] == [
        b"not json 2026-01-01T00:00:01.000Z",
        b"",
        b"not json",
        b"[1]",
    ]
    assert [record.key for record in records] == [None, None, b"k", None]
    assert all(record.unchecked for record in records)
    assert [record.timestamp - START // 10**6 for record in records] == [1000, 1000, 1000, 0]
    assert told.run.counts == {"(unnamed)": 4}


def test_an_event_can_go_where_it_does_not_belong_only_unchecked() -> None:
    story = "steps: [produce: {event: userConnected, topic: personalChat, validate: %s}]"
    (event,) = tell(story % "false").events
    assert (event.name, event.record.topic, event.record.unchecked) == (
        "userConnected",
        "personalChat",
        True,
    )
    with pytest.raises(StepError, match="personalChat"):
        tell(story % "true")


def test_a_topic_that_the_catalogue_does_not_know_takes_anything() -> None:
    log = new_log()
    log.create_topic("other")
    told = tell(
        """
        steps:
          - produce: {topic: other, event: userConnected, set: {payload: 5}}
          - produce: {topic: other, raw: whatever}
        """,
        log=log,
    )
    event, raw = told
    assert not event.unchecked
    assert (raw.value, raw.unchecked) == (b"whatever", False)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{event: userConnected, set: {payload.userConnected: 5}}", "userConnected"),
        ("{event: userConnected, remove: [payload]}", "payload"),
        ("{event: userConnected, set: {version: '1'}}", "version"),
        ("{topic: chat, raw: nonsense}", "JSON"),
        ("{topic: nowhere, raw: x}", "nowhere"),
        ("{event: userConnected, partition: 5}", "partition"),
        ("{event: userConnected, set: {id.x: 1}}", "cannot set id.x: id is a string"),
    ],
)
def test_a_record_that_cannot_be_published_ends_the_story_at_its_step(
    step: str, message: str
) -> None:
    story = Told(script_of(f"steps:\n  - connect: alice\n  - produce: {step}"))
    with pytest.raises(StepError, match=r"^story\.yaml:3:\d+: ") as caught:
        story.to_the_end()
    assert message in str(caught.value)
    assert story.line() == ["alice userConnected"]


# --- paths -----------------------------------------------------------------------------------


def example() -> dict[str, Any]:
    return {"a": {"b": 1}, "list": [{"x": 1}, 2], "null": None}


@pytest.mark.parametrize(
    ("path", "value", "result"),
    [
        ("a.b", 2, {"a": {"b": 2}}),
        ("a.c.d", 2, {"a": {"b": 1, "c": {"d": 2}}}),
        ("new", [1], {"new": [1]}),
        ("list.0.x", 9, {"list": [{"x": 9}, 2]}),
        ("list.1", 9, {"list": [{"x": 1}, 9]}),
        ("list.2", 9, {"list": [{"x": 1}, 2, 9]}),
        ("a", None, {"a": None}),
    ],
)
def test_setting_a_path(path: str, value: object, result: dict[str, object]) -> None:
    event = example()
    set_path(event, path, value)
    assert event == example() | result


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("a.b.c", "a.b is a number, neither an object nor an array"),
        ("null.x", "null is null, neither"),
        ("list.x", "list is an array, and 'x' is no number"),
        ("list.3", "list has 2 items, counted from 0"),
        ("list.2.x", "list has 2 items"),
        ("list.-1", "'-1' is no number"),
        ("list.99999999999999999999", "is no number"),
        ("list.1.x.y", "list.1 is a number"),
    ],
)
def test_a_path_that_leads_nowhere(path: str, message: str) -> None:
    event = example()
    with pytest.raises(ScenarioError, match=message):
        set_path(event, path, 1)


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("a.b", {"a": {}}),
        ("list.0", {"list": [2]}),
        ("list.0.x", {"list": [{}, 2]}),
        *((path, {}) for path in ("a.x", "x", "a.b.c", "list.7", "list.x", "null.x", "list.7.y")),
    ],
)
def test_removing_a_path(path: str, result: dict[str, object]) -> None:
    event = example()
    remove_path(event, path)
    assert event == example() | result


# --- duplicate -------------------------------------------------------------------------------


def as_published(told: Told) -> list[tuple[object, ...]]:
    return [(r.topic, r.key, r.value, r.timestamp, r.headers, r.unchecked) for r in told]


def test_duplicates_are_the_latest_records_again_as_a_batch_byte_for_byte() -> None:
    told = tell(
        """
        steps:
          - connect: [alice, bob]
          - wait: 1s
          - produce: {topic: chat, raw: odd, headers: {a: b}, validate: false}
          - wait: 5s
          - duplicate: {last: 2, times: 2}
        """
    )
    published = as_published(told)
    assert published[3:5] == published[5:7] == published[1:3]
    assert told.run.counts == {"userConnected": 4, "(unnamed)": 3}


def test_duplicates_of_one_event_and_copies_do_not_count_as_the_latest() -> None:
    told = tell(
        """
        steps:
          - connect: [alice, bob]
          - duplicate: 1
          - disconnect: alice
          - duplicate: {last: 1, event: userConnected}
          - duplicate: {last: 2, event: userConnected}
          - duplicate: 3
        """
    )
    assert told.line() == [
        "alice userConnected",
        "bob userConnected",
        "bob userConnected",
        "alice userDisconnected",
        "bob userConnected",
        "alice userConnected",
        "bob userConnected",
        "alice userConnected",
        "bob userConnected",
        "alice userDisconnected",
    ]


def test_duplicates_keep_the_partition_and_are_seen_by_expectations() -> None:
    told = tell(
        """
        steps:
          - produce: {event: userConnected, user: alice, partition: 1, key: k}
          - duplicate: 1
        expect:
          - count: {event: userConnected, user: alice, is: 2}
        """,
        log=new_log(partitions=4),
    )
    assert [record.partition for record in told] == [1, 1]
    assert told.run.verdicts()[0].ok


def test_there_must_be_enough_to_repeat() -> None:
    with pytest.raises(StepError, match=r"last 2 userConnected: the story has published 1"):
        tell("steps: [connect: alice, rate_limit: bob, duplicate: {last: 2, event: userConnected}]")


def test_what_the_log_no_longer_holds_cannot_be_repeated() -> None:
    story = Told(script_of("steps: [connect: alice, wait: 1s, duplicate: 1]"))
    story.run.advance(START, 100)
    story.log.delete_records("chat", 0, 1)
    with pytest.raises(StepError, match="no longer holds offset 0 of chat-0"):
        story.to_the_end()


def test_only_what_may_be_repeated_is_remembered() -> None:
    crowd = "crowd: {name: fan, users: 50, arrive: {every: 1s}, stay: 1s}"
    told = tell(f"steps: [{crowd}, duplicate: {{last: 3}}]")
    assert [len(places) for places in told.run.emitter._latest.values()] == [3]
    assert tell(f"steps: [{crowd}]").run.emitter._latest == {}


def test_a_catalogue_without_chat_is_a_clear_error_at_the_step() -> None:
    document = """
        asyncapi: 2.0.0
        info: {title: Other, version: 1.0.0}
        channels:
          orders:
            publish:
              message: {name: placed, payload: {type: object}}
        """
    log = TopicLog()
    log.create_topic("chat")
    publisher = Publisher(Catalog.from_text(document, "other.yaml"), log, lambda: 0)
    run = Run(script_of("steps: [connect: alice]"), publisher, start_ns=START)
    with pytest.raises(StepError, match=r"^story.yaml:1:\d+: .*chat"):
        run.advance(START, 10)
    assert read_all(log) == []
