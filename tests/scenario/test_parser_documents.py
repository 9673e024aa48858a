"""What is wrong with a script as a whole: its top-level keys, and many problems at once."""

# Tables of texts and messages read best with one case in a line.
# ruff: noqa: E501

from __future__ import annotations

import pytest
from script_texts import problems_in

from simulator.scenario import ScriptError, parse_script
from simulator.scenario.parser.context import MAX_PROBLEMS
from simulator.scenario.parser.document import MAX_REPORTED

DOCUMENT = [
    ("steps: [\ud800]", ['1:9: the character U+D800 cannot stand in a script; write "\\uD800" in quotes']),
    ("just text", ["1:1: expected a mapping with steps, found the text 'just text'"]),
    ("[]", ["1:1: expected a mapping with steps, found an empty list"]),
    ("users: [alice]", ["1:1: a script lacks 'steps'"]),
    ("usrs: []\nsteps: []", ["1:1: unknown key 'usrs' in a script (did you mean 'users'?)"]),
    ("steps: []\nsteps: []", ["2:1: 'steps' is here twice; the first is in line 1"]),
    ("steps: {wait: 5s}", ["1:8: expected a list of steps, found a mapping"]),
    ("steps:", ["1:7: expected a list of steps, found nothing"]),
    ("steps: []\nname: 5", ["2:7: expected a text, found the number 5; put it in quotes"]),
    ("steps: []\nseed: x", ["2:7: expected a whole number, found the text 'x'"]),
    ("steps: []\nids: dash", ["2:6: expected dashed or compact, found the text 'dash'"]),
    (
        "steps: []\ntimestamps: millisecond",
        [
            "2:13: expected seconds, milliseconds or nanoseconds, found the text 'millisecond'"
            " (did you mean 'milliseconds'?)"
        ],
    ),
    ("steps: []\nstart: soon", ["2:8: 'soon' is not a time: write it like 2026-01-01T20:00:00Z"]),
    (
        "steps: []\nnamespace: 'a ${seed}'",
        [
            "2:12: expected a plain text, found the text 'a ${seed}';"
            " only a value that `use` gives to a block can be filled in here"
        ],
    ),
    ("users: [alice, alice]\nsteps: []", ["1:16: 'alice' is here twice"]),
    ("users: alice\nsteps: []", ["1:8: expected a list of names, or a mapping {name: {id: UUID}}, found the text 'alice'"]),
    ("users: [everyone]\nsteps: []", ["1:9: 'everyone' has a meaning of its own; choose another name"]),
    ("users: {alice: {id: 5}}\nsteps: []", ["1:21: expected a uuid, found the number 5"]),
    ("users: {alice: }\nsteps: []", ["1:16: expected a mapping with id, found nothing"]),
    (
        "users: [alice]\nparties: {raid: [alice, bob], alice: [alice]}\nsteps: []",
        [
            "2:25: unknown user 'bob' (there is alice)",
            "2:31: 'alice' is a user already; rename the party",
        ],
    ),
    (
        "users:\n  alice: {id: 5b0a4d1c-2f7e-4c88-9a64-0c4f4ad1b6de}\n"
        "  bob: {id: 5B0A4D1C2F7E4C889A640C4F4AD1B6DE}\n"
        "parties:\n  raid: {members: [bob], id: 5b0a4d1c-2f7e-4c88-9a64-0c4f4ad1b6de}\nsteps: []",
        ["3:3: 'bob' has the same id as 'alice'", "5:3: 'raid' has the same id as 'alice'"],
    ),
    ("parties: {raid: []}\nsteps: []", ["1:17: expected a list of users, found an empty list"]),
    ("variables: {now: 1}\nsteps: []", ["1:13: 'now' has a meaning of its own; choose another name"]),
    ("variables: {a: '${b}'}\nsteps: []", ["1:17: unknown name 'b' (there is a, seed)"]),
    (
        "variables: {a: '${b}', b: 'x${a}'}\nsteps: []",
        ["1:13: a variable cannot use itself: a -> b -> a"],
    ),
    ("variables: {a: '${a}'}\nsteps: []", ["1:13: a variable cannot use itself: a -> a"]),
    ("corpora: {a: []}\nsteps: []", ["1:14: expected a list of texts, found an empty list"]),
    ("service: {rate_limit: on}\nsteps: []", ["1:23: expected 'off', or a mapping, found the text 'on'"]),
    ("service: {rate_limit: {messages: 5}}\nsteps: []", ["1:23: rate_limit lacks 'per'"]),
    ("service: {spam: {repeats: 1, within: 0s, mute: 5s}}\nsteps: []", ["1:27: expected at least 2, found 1", "1:38: expected at least 1ns"]),
    (
        "service: {multiple_sessions: alow}\nsteps: []",
        ["1:30: expected replace, allow or refuse, found the text 'alow' (did you mean 'allow'?)"],
    ),
    ("service: {rate_limitd: off}\nsteps: []", ["1:11: unknown key 'rate_limitd' in service (did you mean 'rate_limit'?)"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problems"), DOCUMENT)
def test_documents(text: str, problems: list[str]) -> None:
    assert problems_in(text) == problems


def test_all_problems_come_at_once_in_the_order_of_the_text() -> None:
    text = """\
usrs: [carol]
users: [alice, 5]
steps:
  - connect: alcie
  - wait: 5
  - repeat:
      times: many
      steps:
        - conect: alice
        - parallel: [[{chat: {from: alice, to: zed}}], 7]
expect:
  - none: userConected
  - count: {}
seed: none
seed: 7
"""
    assert [problem.split(": ")[0] for problem in problems_in(text)] == [
        "1:1",
        "2:16",
        "4:14",
        "5:11",
        "7:14",
        "9:11",
        "10:30",
        "10:48",
        "10:56",
        "12:11",
        "13:12",
        "14:7",
        "15:1",
    ]


def test_a_wrong_declaration_is_one_problem() -> None:
    text = "users: {alice: {id: 5}, bob: {}}\nsteps:\n  - connect: [alice, bob]\n"
    assert problems_in(text) == ["1:21: expected a uuid, found the number 5"]


def test_problems_are_bounded() -> None:
    with pytest.raises(ScriptError) as caught:
        parse_script("steps:\n" + "  - conect: alice\n" * 10_000)
    error = caught.value
    assert len(error.problems) == MAX_REPORTED
    assert error.omitted == MAX_PROBLEMS - MAX_REPORTED
    lines = str(error).splitlines()
    assert lines[0] == "<inline>:2:5: unknown step 'conect' (did you mean 'connect'?)"
    assert lines[-1] == "... and 150 more"


def test_without_a_catalogue_events_are_not_checked() -> None:
    text = "steps:\n  - produce: {event: anything, topic: any}\nexpect:\n  - none: {event: e, where: {a: 1}}"
    assert parse_script(text).expectations
