"""The schema for editors: in step with the parser, and of one mind with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from script_texts import CAST, problems_in
from yaml_readers import plain

from simulator.scenario import library
from simulator.scenario.parser.document import FIELDS
from simulator.scenario.parser.expectations import EXPECTATION
from simulator.scenario.parser.steps import STEP
from simulator.scenario.schema import FILE, schema_text, script_schema
from simulator.scenario.yaml_source import read_yaml

SCHEMA = script_schema()
VALIDATORS = {
    "jsonschema": jsonschema.Draft7Validator(SCHEMA).is_valid,
    "jsonschema-rs": jsonschema_rs.Draft7Validator(SCHEMA).is_valid,
}
each_validator = pytest.mark.parametrize("is_valid", VALIDATORS.values(), ids=VALIDATORS.keys())


def read(text: str | bytes) -> Any:
    root, problems = read_yaml(text, "f")
    assert problems == []
    return plain(root)


def test_the_shipped_schema_is_fresh() -> None:
    """`python -m simulator.scenario.schema` writes it anew."""
    assert FILE.read_text(encoding="utf-8") == schema_text()


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert json.loads(schema_text()) == SCHEMA


def test_it_has_the_keys_of_the_parser() -> None:
    definitions = SCHEMA["definitions"]
    assert SCHEMA["properties"].keys() == FIELDS.keys()
    assert definitions["step"]["properties"].keys() == STEP.variants.keys()
    assert definitions["expectation"]["properties"].keys() == EXPECTATION.variants.keys()


def test_every_key_has_a_description() -> None:
    def check(schema: Any, path: str) -> None:
        if isinstance(schema, dict):
            for key, inner in schema.get("properties", {}).items():
                assert inner["description"], f"{path}/{key}"
            for key, inner in schema.items():
                check(inner, f"{path}/{key}")
        elif isinstance(schema, list):
            for index, inner in enumerate(schema):
                check(inner, f"{path}/{index}")

    check(SCHEMA, "#")


def test_references_lead_somewhere() -> None:
    text = schema_text()
    used = {part.split('"')[0] for part in text.split('"#/definitions/')[1:]}
    assert used == SCHEMA["definitions"].keys()


@each_validator
@pytest.mark.parametrize("path", library.files(), ids=lambda path: path.stem)
def test_the_library_is_valid(path: Path, is_valid: Any) -> None:
    assert is_valid(read(path.read_bytes()))


GOOD = [
    "connect: alice",
    "connect: [alice, {party: raid}]",
    "rate_limit: {party: raid}",
    "disconnect: {user: everyone, code: -5}",
    "mute: {user: alice, for: 1.5s}",
    "duplicate: 3",
    "wait: 1d2h3m4s5ms6us7ns",
    "wait: [0s, 1m]",
    "repeat: {each: [1, a, null], as: who, steps: []}",
    "choose: [{weight: 0.5, steps: []}]",
    "produce: {topic: chat, raw: '', headers: {a: b}, partition: 0}",
    "produce: {event: userConnected, set: {a.b: {c: [null]}}, remove: [x.y]}",
    "crowd: {name: c, users: 5, arrive: {poisson: 1.5/s}, stay: {uniform: [1s, 2s]}}",
    "crowd: {name: c, users: 5, arrive: {every: 5s}, stay: 5s, chat: {every: 1s, length: 5}}",
    "expect: [none: userConnected, {order: [userConnected, {user: bob}]}, count: {is: 0}]",
    "use: {block: b, with: {x: [1s, 2s]}}",
    "fault: off",
    "fault: {api: Produce, topic: chat, error: NOT_ENOUGH_REPLICAS, times: 2, delay: 1.5s}",
    "fault: {group: g, expire_session: true, nth: 3, steps: [wait: 5s]}",
    "fault: {stop_broker: 2, restart_after: 10s, move_leader: true, probability: 0.5}",
    "broker: stop",
    "broker: {start: 2}",
    "leader: chat",
    "leader: {group: g, to: 2}",
]


@each_validator
@pytest.mark.parametrize("step", GOOD)
def test_good_steps(step: str, is_valid: Any) -> None:
    text = f"{CAST}steps:\n  - {step}\nblocks: {{b: [wait: '${{x}}']}}\n"
    assert problems_in(text) == []
    assert is_valid(read(text))


BAD = [
    "5",
    "connect",
    "conect: alice",
    "{connect: alice, wait: 5s}",
    "{}",
    "connect: 5",
    "connect: []",
    "connect: {prty: raid}",
    "chat: {to: bob, text: hi}",
    "chat: {from: alice, text: hi}",
    "chat: {from: alice, to: bob}",
    "chat: {from: alice, to: bob, party: raid, text: hi}",
    "chat: {from: alice, to: bob, text: hi, length: 5}",
    "chat: {from: alice, to: bob, text: 5}",
    "chat: {from: alice, to: bob, length: 0}",
    "chat: {from: alice, to: bob, length: [1, 2, 3]}",
    "chat: {from: alice, to: bob, txt: hi}",
    "rate_limit: {user: alice, code: '5'}",
    "rate_limit: {user: alice, code: 1.5}",
    "rate_limit: {user: alice, forced: 'yes'}",
    "mute: {for: 5s}",
    "wait: 5",
    "wait: 5 s",
    "wait: 5s1m",
    "wait: soon",
    "wait: [1s]",
    "late: {steps: []}",
    "repeat: {steps: []}",
    "repeat: {times: 2, each: [1], steps: []}",
    "repeat: {times: 0, steps: []}",
    "repeat: {each: [], steps: []}",
    "repeat: {each: [1], as: now, steps: []}",
    "repeat: {each: [1], as: a b, steps: []}",
    "repeat: {times: 2, steps: [conect: alice]}",
    "parallel: [wait: 5s]",
    "choose: [{weight: 0, steps: []}]",
    "produce: {}",
    "produce: {event: userConnected, topic: chat, raw: x}",
    "produce: {event: userConnected, set: {a..b: 1}}",
    "produce: {event: userConnected, partition: -1}",
    "produce: {event: userConnected, headers: {a: 1}}",
    "duplicate: 0",
    "crowd: {name: c, users: 0, arrive: {over: 5s}, stay: 5s}",
    "crowd: {name: c, users: 5, arrive: {poisson: 20}, stay: 5s}",
    "crowd: {name: c, users: 5, arrive: {poisson: 20/s, over: 5s}, stay: 5s}",
    "crowd: {name: c, users: 5, arrive: {over: 5s}, stay: {gamma: 5s}}",
    "crowd: {name: c, users: 5, arrive: {over: 5s}, stay: 5s, chat: {to: pairs}}",
    "crowd: {name: c, users: 5, arrive: {over: 5s}, stay: 5s, chat: {every: 1s, to: all}}",
    "expect: []",
    "expect: [{cuont: {is: 1}}]",
    "expect: [{count: {event: userConnected}}]",
    "expect: [{count: {is: 1, at_least: 1}}]",
    "expect: [{count: {is: -1}}]",
    "expect: [{order: []}]",
    "expect: [{all: {of: userConnected}}]",
    "use: {with: {x: 1}}",
    "fault: on",
    "fault: {api: Prodce, cut: 0}",
    "fault: {error: not_enough_replicas}",
    "fault: {error: NONE}",
    "fault: {cut: -1}",
    "fault: {times: 0, cut: 0}",
    "fault: {drop: during}",
    "fault: {delay: 5}",
    "fault: {stop_broker: first}",
    "broker: halt",
    "broker: {stop: -1}",
    "broker: {stop: 1, start: 1}",
    "broker: {}",
    "leader: {to: 2}",
    "leader: {topic: chat, group: g}",
]


@each_validator
@pytest.mark.parametrize("step", BAD)
def test_bad_steps_are_refused_by_both(step: str, is_valid: Any) -> None:
    text = f"{CAST}steps:\n  - {step}\n"
    assert problems_in(text)
    assert not is_valid(read(text))


BAD_DOCUMENTS = [
    "[]",
    "usrs: []\nsteps: []",
    "steps: {wait: 5s}",
    "steps: []\nname: 5",
    "steps: []\nseed: x",
    "steps: []\nids: dash",
    "steps: []\nstart: soon",
    "steps: []\ninclude: cast.yaml",
    "users: [alice, alice]\nsteps: []",
    "users: [everyone]\nsteps: []",
    "users: [5]\nsteps: []",
    "users: {a b: {}}\nsteps: []",
    "users: {alice: {id: x}}\nsteps: []",
    "parties: {raid: []}\nsteps: []",
    "variables: {now: 1}\nsteps: []",
    "corpora: {a: [1]}\nsteps: []",
    "corpora: {a: []}\nsteps: []",
    "blocks: {a: {wait: 5s}}\nsteps: []",
    "service: {rate_limit: 'on'}\nsteps: []",
    "service: {rate_limit: {messages: 5}}\nsteps: []",
    "service: {spam: {repeats: 1, within: 1s, mute: 5s}}\nsteps: []",
    "service: {multiple_sessions: alow}\nsteps: []",
    "service: {rate_limited: {cod: 5}}\nsteps: []",
    "service: {target_members: some}\nsteps: []",
]


@each_validator
@pytest.mark.parametrize("text", BAD_DOCUMENTS)
def test_bad_documents_are_refused_by_both(text: str, is_valid: Any) -> None:
    assert problems_in(text)
    assert not is_valid(read(text))
