"""Blocks: steps written once, with values put in at each use."""

from __future__ import annotations

import pytest
from script_texts import CAST, problems_in, steps_of

from simulator.scenario import script
from simulator.scenario.parser.context import MAX_EXPANDED
from simulator.scenario.script import Who
from simulator.scenario.templates import Template, compile_template

SECOND = 1_000_000_000


def used(block: str, given: str) -> script.Step:
    """The one step of a block after `use`."""
    [step] = steps_of(
        f"steps:\n  - use: {{block: b, with: {given}}}\nblocks:\n  b:\n    - {block}\n"
    )
    return step


def test_a_block_without_values() -> None:
    text = "steps:\n  - use: b\n  - use: {block: b}\nblocks: {b: [connect: alice, wait: 1s]}"
    steps = steps_of(text)
    assert [type(step).__name__ for step in steps] == ["Connect", "Wait", "Connect", "Wait"]
    assert [str(step.at) for step in steps] == ["x.yaml:6:14", "x.yaml:6:30"] * 2


@pytest.mark.parametrize(
    ("given", "who"),
    [
        ("{who: alice}", Who(users=("alice",))),
        ("{who: [alice, bob]}", Who(users=("alice", "bob"))),
        ("{who: {party: raid}}", Who(parties=("raid",))),
        ("{who: everyone}", Who(everyone=True)),
    ],
)
def test_values_of_any_shape(given: str, who: Who) -> None:
    step = used("connect: '${who}'", given)
    assert isinstance(step, script.Connect)
    assert step.who == who


def test_values_where_templates_cannot_be() -> None:
    step = used(
        "repeat: {times: '${n1}', every: '${gap}', steps: '${inner}'}",
        "{n1: 3, gap: 2s, inner: [connect: alice]}",
    )
    assert isinstance(step, script.Repeat)
    assert (step.times, step.every) == (3, 2 * SECOND)
    assert isinstance(step.steps[0], script.Connect)


def test_values_inside_texts() -> None:
    step = used(
        "chat: {from: alice, to: bob, text: '${a} ${b} ${c} ${who.id} $${a}'}",
        "{a: hi, b: 1.50, c: '<${seed}>', who: bob}",
    )
    assert isinstance(step, script.Chat)
    assert isinstance(step.text, Template)
    assert step.text.render({"seed": 7, "bob.id": "0b"}) == "hi 1.50 <7> 0b ${a}"


def test_values_can_be_all_of_a_text() -> None:
    step = used("chat: {from: alice, to: bob, text: '${a}${b}'}", "{a: '$${', b: x}")
    assert isinstance(step, script.Chat)
    assert step.text == "${x"


def test_values_keep_their_types() -> None:
    step = used("produce: {event: userConnected, set: {a: '${v}'}}", "{v: {x: [1, '1', null]}}")
    assert isinstance(step, script.Produce)
    assert step.set == {"a": {"x": (1, "1", None)}}


def test_values_pass_through_blocks() -> None:
    [step] = steps_of("""
steps:
  - repeat:
      each: [alice, bob]
      as: who
      steps:
        - use: {block: outer, with: {person: "${who}"}}
blocks:
  outer: [use: {block: inner, with: {from: "${person}", text: "I am ${person}, ${person.id}"}}]
  inner: [chat: {from: "${from}", to: bob, text: "${text}!"}]
""")
    assert isinstance(step, script.Repeat)
    [chat] = step.steps
    assert isinstance(chat, script.Chat)
    assert chat.sender == compile_template("${who}")
    assert isinstance(chat.text, Template)
    assert chat.text.render({"who": "bob", "bob.id": "0b"}) == "I am bob, 0b!"


def test_values_inside_durations_and_rates() -> None:
    step = used("wait: '${x}s'", "{x: 5}")
    assert isinstance(step, script.Wait)
    assert step.span.low == 5 * SECOND
    step = used("crowd: {name: c, users: 1, arrive: {poisson: '${x}/m'}, stay: 1s}", "{x: 60}")
    assert isinstance(step, script.Crowd)
    assert step.arrivals.mean == SECOND


def test_a_loop_hides_a_value_of_the_same_name() -> None:
    step = used(
        "parallel: [[connect: '${who}'],"
        " [repeat: {each: [bob], as: who, steps: [connect: '${who}']}]]",
        "{who: alice}",
    )
    assert isinstance(step, script.Parallel)
    [outside], [loop] = step.branches
    assert isinstance(outside, script.Connect)
    assert outside.who.users == ("alice",)
    assert isinstance(loop, script.Repeat)
    [inside] = loop.steps
    assert isinstance(inside, script.Connect)
    assert inside.who.users == (compile_template("${who}"),)


def test_a_block_sees_only_what_its_own_use_gives() -> None:
    text = f"""{CAST}steps:
  - use: {{block: a, with: {{who: alice}}}}
blocks:
  a: [connect: "${{who}}", use: b]
  b: [connect: "${{who}}"]
"""
    assert problems_in(text) == [
        "7:17: unknown name 'who'; block 'b' is used without it in line 6 of x.yaml"
    ]


PROBLEMS = [
    (
        "- use: gret\nblocks: {greet: []}",
        ["4:10: unknown block 'gret' (did you mean 'greet'?)"],
    ),
    (
        "- use: a\nblocks: {a: [use: a]}",
        ["5:19: block 'a' uses itself: a -> a"],
    ),
    (
        "- use: a\nblocks: {a: [use: b], b: [use: c], c: [use: b]}",
        ["5:45: block 'b' uses itself: b -> c -> b"],
    ),
    (
        "- use: a\nblocks: {a: [connect: '${who}']}",
        ["5:24: unknown name 'who'; block 'a' is used without it in line 4 of x.yaml"],
    ),
    (
        "- use: {block: a, with: {whom: alice}}\nblocks: {a: [connect: '${who}']}",
        [
            "4:34: block 'a' has no ${whom} to fill in",
            "5:24: unknown name 'who' (did you mean 'whom'?);"
            " block 'a' is used without it in line 4 of x.yaml",
        ],
    ),
    (
        "- use: {block: a, with: {who: alcie}}\nblocks: {a: [connect: '${who}']}",
        ["4:33: unknown user 'alcie' (did you mean 'alice'?)"],
    ),
    (
        "- use: {block: a, with: {gap: 5}}\nblocks: {a: [wait: '${gap}']}",
        [
            "4:33: expected a duration such as 250ms, 5s or 1m30s, found the number 5;"
            " add a unit: 5s, 5ms"
        ],
    ),
    (
        "- use: {block: a, with: {x: [b]}}\nblocks: {a: [mute: {user: alice, for: '${x}s'}]}",
        ["5:40: ${x} is a list here, which cannot stand inside a text"],
    ),
    (
        "- use: {block: a, with: {x: zed}}\n"
        "blocks: {a: [chat: {from: bob, to: bob, text: 'a${x.id}'}]}",
        ["5:49: ${x.id}: 'zed' is neither a user nor a party"],
    ),
    (
        "- use: {block: a, with: {n: 5}}\nblocks: {a: []}",
        ["4:28: 'n' has a meaning of its own; choose another name"],
    ),
    ("- use: {with: {}}\nblocks: {}", ["4:10: use lacks 'block'"]),
    # Blocks that nothing uses, as far as can be told.
    (
        "- wait: 1s\nblocks: {a: [conect: alice, wait: '${x}', connect: '${y}', connect: alcie]}",
        [
            "5:14: unknown step 'conect' (did you mean 'connect'?)",
            "5:69: unknown user 'alcie' (did you mean 'alice'?)",
        ],
    ),
    (
        "- wait: 1s\nblocks: {a: [use: b], b: [use: a], 'c d': []}",
        [
            "5:32: block 'a' uses itself: a -> b -> a",
            "5:36: expected a name of letters, digits, '_' and '-' (at most 64),"
            " found the text 'c d'",
        ],
    ),
]


@pytest.mark.parametrize(("text", "problems"), PROBLEMS)
def test_problems(text: str, problems: list[str]) -> None:
    assert problems_in(f"{CAST}steps:\n  {text}\n") == problems


def blocks(count: int, body: str, last: str) -> str:
    """A chain of blocks, each of which uses the next one."""
    lines = [f"  b{i}: {body.replace('NEXT', f'b{i + 1}')}" for i in range(count)]
    return "\n".join(["blocks:", *lines, f"  b{count}: {last}\n"])


def test_a_bomb_of_blocks_is_one_clear_error() -> None:
    ten = ", ".join(["{use: NEXT}"] * 10)
    text = f"{CAST}steps: [use: b0]\n{blocks(9, f'[{ten}]', '[connect: alice]')}"
    [problem] = problems_in(text)
    assert problem.endswith(f": blocks blow this script up to over {MAX_EXPANDED} values")


def test_a_bomb_of_values_is_one_clear_error() -> None:
    body = "[use: {block: NEXT, with: {x: ['${x}', '${x}', '${x}', '${x}']}}]"
    last = "[produce: {event: userConnected, set: {a: '${x}'}}]"
    text = f"{CAST}steps: [use: {{block: b0, with: {{x: y}}}}]\n{blocks(12, body, last)}"
    [problem] = problems_in(text)
    assert problem.endswith(f": blocks blow this script up to over {MAX_EXPANDED} values")


def test_a_bomb_of_texts_is_one_clear_error() -> None:
    body = "[use: {block: NEXT, with: {x: '${x}${x}${x}${x}'}}]"
    last = "[chat: {from: alice, to: bob, text: '${x}'}]"
    text = f"{CAST}steps: [use: {{block: b0, with: {{x: y}}}}]\n{blocks(15, body, last)}"
    [problem] = problems_in(text)
    assert problem.endswith(f": blocks blow this script up to over {MAX_EXPANDED} values")


def test_blocks_in_blocks_have_a_bounded_depth() -> None:
    text = f"{CAST}steps: [use: b0]\n{blocks(60, '[use: NEXT]', '[connect: alice]')}"
    [problem] = problems_in(text)
    assert problem.endswith(": lists and mappings, blocks filled in, nest over 64 deep")
    text = f"{CAST}steps: [use: b0]\n{blocks(18, '[use: NEXT]', '[connect: alice]')}"
    assert problems_in(text) == []


def test_variables_that_multiply_are_one_clear_error() -> None:
    lines = [f"  v{i}: '${{v{i - 1}}}${{v{i - 1}}}'" for i in range(1, 40)]
    text = "\n".join(["variables:", f"  v0: {'y' * 1000}", *lines, "steps: []"])
    [problem] = problems_in(text)
    assert problem.endswith(": the variables come to more than 1 MiB in all")
