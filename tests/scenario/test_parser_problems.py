"""What is wrong with a script: every problem, at its place, with what was expected."""

# Tables of texts and messages read best with one case in a line.
# ruff: noqa: E501

from __future__ import annotations

import pytest
from script_texts import CAST, parsed, problems_in

USER = "a user, a list of users, {party: NAME} or everyone"
DURATION = "a duration such as 250ms, 5s or 1m30s"

STEPS = [
    ("connect: alcie", "14: unknown user 'alcie' (did you mean 'alice'?)"),
    ("connect: zed", "14: unknown user 'zed' (there is alice, bob)"),
    ("connect: Alice", "14: unknown user 'Alice' (did you mean 'alice'?)"),
    ("connect: {party: rad}", "22: unknown party 'rad' (did you mean 'raid'?)"),
    ("connect: {prty: raid}", "15: unknown key 'prty' in {party: NAME} (did you mean 'party'?)"),
    ("connect: {}", "14: connect lacks 'user'"),
    ("connect: [alice, alice]", "22: 'alice' is here twice"),
    ('connect: ["${seed}", alice, "${seed}"]', "33: '${seed}' is here twice"),
    ("mute: [{party: raid}, alice, {party: raid}]", "34: 'raid' is here twice"),
    ("disconnect: {who: alice}", "18: unknown key 'who' in disconnect (did you mean 'user'?)"),
    ("connect: {users: [alice]}", "15: unknown key 'users' in connect (did you mean 'user'?)"),
    ("connect: []", "14: expected at least one user, found an empty list"),
    ("connect: [[alice]]", "15: expected a user, found a list"),
    ("connect: [everyone]", "15: 'everyone' stands alone, not in a list"),
    ("connect: 5", f"14: expected {USER}, found the number 5"),
    ("connect: true", f"14: expected {USER}, found true"),
    ("connect:", f"13: expected {USER}, found nothing"),
    ("connect", "5: 'connect' needs a value; write 'connect: ...'"),
    ("conect: alice", "5: unknown step 'conect' (did you mean 'connect'?)"),
    ("teleport: alice", "5: unknown step 'teleport'"),
    ("alice connects", "5: expected a step such as 'connect: alice', found the text 'alice connects'"),
    ("[wait: 5s]", "5: expected a step such as 'connect: alice', found a list"),
    ("{}", "5: a step has one key, found none; indent what belongs to it"),
    (
        "connect: alice\n    wait: 5s",
        "5: a step has one key, found 'connect', 'wait'; begin each with a '-' of its own",
    ),
    (
        "chat:\n    from: alice\n    text: hi",
        "5: a step has one key, found 'chat', 'from', 'text'; indent what belongs to it",
    ),
    ("chat: {to: bob, text: hi}", "11: chat lacks 'from'"),
    ("chat: {from: alice, text: hi}", "11: chat lacks 'to' or 'party'"),
    ("chat: {from: alice, to: bob}", "11: chat lacks 'text' or 'length' or 'corpus'"),
    ("chat: {from: alice, to: bob, txt: hi}", "34: unknown key 'txt' in chat (did you mean 'text'?)"),
    (
        "chat: {from: alice, to: bob, party: raid, text: hi}",
        "34: chat takes only one of 'to' and 'party'",
    ),
    (
        "chat: {from: alice, to: bob, length: 5, text: hi}",
        "45: chat takes only one of 'text' and 'length'",
    ),
    ("chat: {from: alice, to: [bob], text: hi}", "29: expected the name of a user, found a list"),
    ("chat: {from: alice, party: 7, text: hi}", "32: expected the name of a party, found the number 7"),
    (
        "chat: {from: alice, to: bob, text: 5}",
        "40: expected a text, found the number 5; put it in quotes",
    ),
    (
        "chat: {from: alice, to: bob, text: true}",
        "40: expected a text, found true; put it in quotes",
    ),
    ("chat: {from: alice, to: bob, text: null}", "40: expected a text, found nothing"),
    ("chat: {from: alice, to: bob, length: 0}", "42: expected at least 1, found 0"),
    ("chat: {from: alice, to: bob, length: 2000000}", "42: expected at most 1048576, found 2000000"),
    (
        "chat: {from: alice, to: bob, length: [5, 1]}",
        "42: expected two lengths, [low, high], found the higher one first",
    ),
    (
        "chat: {from: alice, to: bob, corpus: small_tlk}",
        "42: unknown corpus 'small_tlk' (did you mean 'small_talk'?)",
    ),
    ("chat: hi", "11: expected a mapping with from, to, party, text, length, corpus, found the text 'hi'"),
    ("rate_limit: {user: alice, code: '5'}", "37: expected a whole number, found the text '5'"),
    ("rate_limit: {user: alice, code: 1.5}", "37: expected a whole number, found the number 1.5"),
    ("rate_limit: {user: alice, code: true}", "37: expected a whole number, found true"),
    ("rate_limit: {user: alice, forced: yes}", "39: expected true or false, found the text 'yes'"),
    ("rate_limit: {code: 5}", "17: rate_limit lacks 'user'"),
    ("mute: {user: alice, for: forever}", "30: 'forever' is not a duration; write it like 250ms, 5s, 1m30s or 2h"),
    ("wait: 5", f"11: expected {DURATION}, found the number 5; add a unit: 5s, 5ms"),
    ("wait: 0.5", f"11: expected {DURATION}, found the number 0.5; add a unit: 0.5s, 0.5ms"),
    ("wait: '5'", "11: '5' is not a duration; add a unit, such as 5s or 5ms"),
    ("wait: {for: 5s}", f"11: expected {DURATION}, found a mapping"),
    ("wait: [1s]", "11: expected two durations, [low, high], found 1 values"),
    ("wait: [5s, 1s]", "11: expected two durations, [low, high], found the higher one first"),
    (
        "wait: '${seed}'",
        f"11: expected {DURATION}, found the text '${{seed}}';"
        " only a value that `use` gives to a block can be filled in here",
    ),
    ("duplicate: 0", "16: expected at least 1, found 0"),
    (
        "duplicate: {event: userConected}",
        "5: unknown event 'userConected' (did you mean 'userConnected'?)",
    ),
    ("late: {steps: []}", "11: late lacks 'by'"),
    ("late: {by: 5s, steps: {wait: 5s}}", "27: expected a list of steps, found a mapping"),
    ("repeat: {steps: []}", "13: repeat lacks 'times' or 'each'"),
    ("repeat: {times: 2, each: [1], steps: []}", "24: repeat takes only one of 'times' and 'each'"),
    ("repeat: {times: 0, steps: []}", "21: expected at least 1, found 0"),
    ("repeat: {times: 2}", "13: repeat lacks 'steps'"),
    ("repeat: {each: [], steps: []}", "20: expected a list of values, found an empty list"),
    (
        "repeat: {each: [1], as: now, steps: []}",
        "29: 'now' has a meaning of its own; choose another name",
    ),
    (
        "repeat: {each: [1], as: 'a b', steps: []}",
        "29: expected a name of letters, digits, '_' and '-' (at most 64), found the text 'a b'",
    ),
    ("parallel: []", "15: expected a list of branches, each a list of steps, found an empty list"),
    ("parallel: [wait: 5s]", "16: expected a list of steps, found a mapping"),
    ("choose: [{weight: 0, steps: []}]", "23: expected a number above 0, found 0"),
    ("choose: [{weight: heavy, steps: []}]", "23: expected a number, found the text 'heavy'"),
    ("choose: [{wait: 5s}]", "14: an option of choose lacks 'steps'"),
    ("expect: []", "13: expected a list of expectations, found an empty list"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), STEPS)
def test_steps(text: str, problem: str) -> None:
    found = problems_in(f"{CAST}steps:\n  - {text}\n")
    assert f"4:{problem}" in found
    # One mistake, one problem; only a wrong key can mean that another one is missing.
    assert len(found) == 1 or "unknown key" in "".join(found)


PRODUCE = [
    (
        "{event: userConected}",
        "22: unknown event 'userConected' (did you mean 'userConnected'?)",
    ),
    (
        "{event: userConnected, topic: personalChat}",
        "22: 'userConnected' is no event of topic 'personalChat' but of chat",
    ),
    ("{event: userConnected, topic: cht}", "44: unknown topic 'cht' (did you mean 'chat'?)"),
    ("{topic: cht, raw: x}", "22: unknown topic 'cht' (did you mean 'chat'?)"),
    ("{raw: x}", "14: produce with 'raw' lacks 'topic'"),
    ("{topic: chat}", "14: produce lacks 'event' or 'raw'"),
    ("{event: userConnected, raw: x}", "37: produce takes only one of 'event' and 'raw'"),
    ("{topic: chat, raw: x, set: {a: 1}}", "36: produce takes 'set' only with 'event'"),
    ("{event: userConnected, set: {a..b: 1}}", "43: expected a path such as payload.userDisconnected.code, found the text 'a..b'"),
    ("{event: userConnected, remove: [.a]}", "46: expected a path such as payload.userDisconnected.code, found the text '.a'"),
    ("{event: userConnected, partition: -1}", "48: expected at least 0, found -1"),
    ("{event: userConnected, headers: {a: 1}}", "50: expected a text, found the number 1; put it in quotes"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), PRODUCE)
def test_produce(text: str, problem: str) -> None:
    assert problems_in(f"{CAST}steps:\n  - produce: {text}\n") == [f"4:{problem}"]


@pytest.mark.parametrize(
    "text",
    [
        "{event: userConnected, topic: personalChat, validate: false}",
        "{topic: orders, raw: x}",  # no topic of the catalogue: untyped
        "{event: '${which}', topic: '${where}'}",
    ],
)
def test_what_produce_allows(text: str) -> None:
    head = f"{CAST}variables: {{which: a, where: b}}\n"
    assert problems_in(f"{head}steps:\n  - produce: {text}\n") == []


CROWD = [
    ("users: 0", "expected at least 1, found 0"),
    ("users: 1000001", "expected at most 1000000, found 1000001"),
    ("arrive: {poisson: 20}", "expected a rate such as 20/s, 5/m or 0.5/h, found the number 20"),
    ("arrive: {poisson: 0/s}", "expected a rate such as 20/s, 5/m or 0.5/h, found the text '0/s'"),
    ("arrive: {poisson: 5/w}", "expected a rate such as 20/s, 5/m or 0.5/h, found the text '5/w'"),
    ("arrive: {every: 5s, over: 5s}", "arrive takes only one of 'every' and 'over'"),
    ("arrive: {}", "arrive lacks 'poisson' or 'every' or 'over'"),
    ("stay: {gama: 5s}", "unknown key 'gama' in a distribution (there is exponential, normal, uniform)"),
    ("stay: {normal: {mean: 5s}}", "normal lacks 'deviation'"),
    ("stay: {uniform: [5s]}", "expected two durations, [low, high], found 1 values"),
    ("chat: {every: 0s}", "expected more than 0s; time would stand still"),
    ("chat: {every: {exponential: 0s}}", "expected more than 0s; time would stand still"),
    ("chat: {to: random}", "a crowd's chat lacks 'every'"),
    ("chat: {every: 5s, to: rndom}", "expected random, pairs, party or popular, found the text 'rndom' (did you mean 'random'?)"),
    ("chat: {every: 5s, text: hi, corpus: unicode}", "a crowd's chat takes only one of 'text' and 'corpus'"),
    ("chat: {every: 5s, party_size: 1}", "expected at least 2, found 1"),
    ("leave: {cod: 5}", "unknown key 'cod' in leave (did you mean 'code'?)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), CROWD)
def test_crowds(text: str, problem: str) -> None:
    keys = {"name": "fan", "users": "5", "arrive": "{over: 5s}", "stay": "5s"}
    key, _, value = text.partition(": ")
    keys[key] = value
    body = "".join(f"      {key}: {value}\n" for key, value in keys.items())
    found = problems_in(f"steps:\n  - crowd:\n{body}")
    line = 3 + list(keys).index(key)
    assert [each for each in found if each.split(": ", 1)[1] == problem]
    assert all(each.startswith(f"{line}:") for each in found)


EXPECTATIONS = [
    ("cuont: {}", "5: unknown expectation 'cuont' (did you mean 'count'?)"),
    ("count: {event: userConnected}", "12: count lacks 'is', 'at_least' or 'at_most'"),
    ("count: {is: 1, at_most: 3}", "20: count takes only one of 'is' and 'at_most'"),
    ("count: {at_least: 3, at_most: 2}", "12: at least 3 and at most 2 cannot be"),
    ("count: {is: -1}", "17: expected at least 0, found -1"),
    ("refused: {reason: muted}", "14: refused lacks 'is', 'at_least' or 'at_most'"),
    ("refused: {reason: mutd, is: 1}", "23: expected rate_limited, muted, too_long, full or multiple_logins, found the text 'mutd' (did you mean 'muted'?)"),
    ("refused: {event: userConnected, is: 1}", "15: unknown key 'event' in refused (there is at_least, at_most, is, reason, user)"),
    ("count: {user: bobb, is: 1}", "19: unknown user 'bobb' (did you mean 'bob'?)"),
    (
        "none: {event: userChatRateLimitd}",
        "19: unknown event 'userChatRateLimitd' (did you mean 'userChatRateLimited'?)",
    ),
    ("none: userChatRateLimitd", "11: unknown event 'userChatRateLimitd' (did you mean 'userChatRateLimited'?)"),
    ("none: {topic: personalchat}", "19: unknown topic 'personalchat' (did you mean 'personalChat'?)"),
    ("none: {where: {userID: x}}", "20: unknown field 'userID' of any event (did you mean 'userId'?)"),
    (
        "none: {event: userDisconnected, where: {payload.userDisconnected.cod: 5}}",
        "45: unknown field 'payload.userDisconnected.cod' of userDisconnected"
        " (did you mean 'payload.userDisconnected.code'?)",
    ),
    (
        "none: {topic: chat, where: {payload.personalChatSent.payload: hi}}",
        "33: unknown field 'payload.personalChatSent.payload' of the events of topic 'chat'",
    ),
    ("order: []", "12: expected a list of events, found an empty list"),
    ("all: {of: userConnected}", "10: all lacks 'have'"),
    ("all: {of: userConnected, have: {}}", "5: the 'have' of all has no conditions; say what must hold"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), EXPECTATIONS)
def test_expectations(text: str, problem: str) -> None:
    found = problems_in(f"{CAST}steps: []\nexpect:\n  - {text}\n")
    assert [each for each in found if each.startswith(f"5:{problem}")]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("step", "expectation"),
    [
        ("{event: userConnected, set: {name: userTeleported}}", "none: userTeleported"),
        ("{event: userConnected, set: {mood: good}}", "none: {where: {mood: good}}"),
        ("{event: userConnected, set: {mood: {now: good}}}", "none: {where: {mood.now: good}}"),
        ("{event: userConnected, set: {mood.now: good}}", "none: {where: {mood: {now: good}}}"),
        ("{topic: chat, raw: '{}', validate: false}", "none: {event: what, where: {a: b}}"),
        ("{event: userConnected}", "none: {topic: orders, event: ordered}"),
        (
            "{event: userConnected}",
            "none: {where: {payload.personalChatSent.target_members.0: x}}",
        ),
    ],
)
def test_expectations_can_name_what_the_script_makes_up(step: str, expectation: str) -> None:
    text = f"{CAST}steps:\n  - produce: {step}\nexpect:\n  - {expectation}\n"
    assert problems_in(text) == []


def test_an_expectation_cannot_use_what_changes() -> None:
    text = f"{CAST}steps:\n  - repeat:\n      times: 2\n      steps:\n"
    text += "        - expect: [none: {where: {id: '${n}'}}]\n"
    assert problems_in(text) == [
        "7:26: 'n' changes during the story;"
        " an expectation can use variables, ids of users and parties, and seed"
    ]


TEMPLATES = [
    ("hello ${nmae}", "19: unknown name 'nmae' (did you mean 'name'?)"),
    ("'hello ${nmae}'", "20: unknown name 'nmae' (did you mean 'name'?)"),
    ('"hello ${nmae}"', "20: unknown name 'nmae' (did you mean 'name'?)"),
    ('"\\x41 ${nmae}"', "13: unknown name 'nmae' (did you mean 'name'?)"),
    ("${alice}", "13: unknown name 'alice' (for its id write 'alice.id')"),
    ("${raid}", "13: unknown name 'raid' (for its id write 'raid.id')"),
    ("${n}", "13: unknown name 'n' (there is alice.id, bob.id, name, now, raid.id, seed)"),
    ("${alise.id}", "13: unknown name 'alise.id' (did you mean 'alice.id'?)"),
    ("a ${b c}", "15: 'b c' is not a name; ${...} takes a plain name, no expressions"),
    ("a ${name", "15: '${' opens a name that is never closed; write ${name}, or $${ for a literal ${"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), TEMPLATES)
def test_templates(text: str, problem: str) -> None:
    script = f"""\
users: [alice, bob]
parties: {{raid: [alice]}}
variables: {{name: x}}
steps:
  - chat:
      from: alice
      to: bob
      text: {text}
"""
    assert problems_in(script) == [f"8:{problem}"]


def test_loop_values_are_checked_where_they_name_users() -> None:
    text = (
        f"{CAST}steps:\n  - repeat: {{each: [alice, bobb], as: who, steps: [connect: '${{who}}']}}"
    )
    assert problems_in(text) == [
        "4:61: unknown user 'bobb', a value of ${who} (did you mean 'bob'?)"
    ]
    text = f"{CAST}steps:\n  - repeat: {{each: [alice, 5], as: who, steps: [connect: '${{who}}']}}"
    assert problems_in(text) == [
        "4:58: expected the name of a user, but ${who} can be the number 5"
    ]


def test_loop_names_end_with_their_loop() -> None:
    text = (
        f"{CAST}steps:\n  - repeat: {{each: [alice], as: who, steps: []}}\n  - connect: '${{who}}'"
    )
    assert problems_in(text) == [
        "5:15: unknown name 'who' (there is alice.id, bob.id, now, raid.id, seed)"
    ]


def test_variables_are_checked_where_they_name_users() -> None:
    text = f"{CAST}variables: {{who: bobb}}\nsteps:\n  - connect: '${{who}}'"
    assert problems_in(text) == [
        "5:14: unknown user 'bobb', a value of ${who} (did you mean 'bob'?)"
    ]


@pytest.mark.parametrize(
    ("step", "warnings"),
    [
        (
            "{event: userDisconnected, set: {payload.userDisconnected.cod: 1, sesionId: x}}",
            ["payload.userDisconnected.cod", "sesionId"],
        ),
        ("{event: userDisconnected, set: {payload: {userDisconnected: {Reason: x}}}}", ["payload"]),
        (
            "{event: personalChatSent, set: {payload.personalChatSent.messageId: x}}",
            ["payload.personal"],
        ),
        ("{event: userDisconnected, set: {payload.userDisconnected.code: 1}}", []),
        ("{event: userDisconnected, set: {payload.userDisconnected.weather: 1}}", []),
        ("{event: userConnected, set: {payload.userConnected.anything: 1}}", []),
        ("{event: userDisconnected, set: {sesionId: x}, validate: false}", []),
    ],
)
def test_a_field_that_is_nearly_a_known_one_is_a_warning(step: str, warnings: list[str]) -> None:
    before = "blocks: {b: [{produce: "
    # The same block twice is the same mistake once.
    script = parsed(f"{before}{step}}}]}}\nsteps: [use: b, use: b]\n")
    found = [str(warning) for warning in script.warnings]
    assert len(found) == len(warnings)
    for text, key in zip(found, warnings, strict=True):
        place = f"x.yaml:1:{len(before) + step.index(key) + 1}"
        assert text.startswith(f"{place}: warning: '{key}")
        assert "; did you mean " in text
