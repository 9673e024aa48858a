from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from stage import FOREVER, SECOND, START, Told, new_log, script_of, tell

from simulator.scenario.engine.run import EARLIEST_NS
from simulator.scenario.engine.task import PARKED
from simulator.scenario.errors import PlayError, StepError, TemplateError
from simulator.scenario.script import (
    Chat,
    Connect,
    Expectation,
    Match,
    Position,
    Script,
    User,
    Who,
)


def test_time_passes_only_as_the_story_says() -> None:
    told = tell("steps: [connect: alice, wait: 1500ms, connect: bob, wait: 1h, connect: carol]")
    assert [event.ms for event in told.events] == [0, 1500, 3_601_500]
    assert told.run.now_ns == START + 3_601_500 * 1_000_000


def test_a_wait_from_a_range_is_drawn_from_the_seed_and_stays_within() -> None:
    story = (
        "steps: [repeat: {times: 50, steps: [connect: alice, disconnect: alice, wait: [1s, 2s]]}]"
    )
    starts = [event.ms for event in tell(story).named("userConnected")]
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert min(gaps) >= 999  # a millisecond for cutting
    assert max(gaps) <= 2001
    assert len(set(gaps)) > 40
    assert starts != [event.ms for event in tell(story, seed=2).named("userConnected")]


def test_repeats_count_from_one_and_are_spaced_from_start_to_start() -> None:
    told = tell(
        """
        steps:
          - connect: alice
          - repeat:
              times: 4
              every: 100ms
              steps:
                - wait: 30ms
                - chat: {from: alice, to: bob, text: "${n}"}
          - disconnect: alice
        """
    )
    assert told.texts() == ["1", "2", "3", "4"]
    assert [event.ms for event in told.events] == [0, 30, 130, 230, 330, 330]


def test_a_round_that_takes_longer_lets_the_next_start_at_once_and_the_beat_stays() -> None:
    told = tell(
        """
        steps:
          - connect: alice
          - repeat:
              each: [0s, 250ms, 0s, 0s, 0s]
              as: pause
              every: 100ms
              steps:
                - chat: {from: alice, to: bob, text: "${pause}"}
                - choose: [{steps: [wait: 0s]}]
                - parallel: [[wait: 1ms], [wait: 250ms]]
        """
    )
    assert [event.ms for event in told.named("personalChatSent")] == [0, 250, 500, 750, 1000]


def test_each_binds_a_value_of_any_type_and_inner_names_hide_outer_ones() -> None:
    told = tell(
        """
        variables: {who: bob, greeting: hi}
        steps:
          - connect: [alice, bob]
          - repeat:
              each: [alice, "${who}"]
              as: who
              steps:
                - repeat:
                    times: 2
                    steps: [chat: {from: "${who}", to: carol, text: "${greeting} ${n} ${who.id}"}]
                - chat: {from: "${who}", to: carol, text: "${n}"}
        """
    )
    ids = told.run.cast.users()
    assert told.texts() == [
        f"hi 1 {ids['alice']}",
        f"hi 2 {ids['alice']}",
        "1",
        f"hi 1 {ids['bob']}",
        f"hi 2 {ids['bob']}",
        "2",
    ]


def test_a_story_knows_its_seed_its_time_and_its_ids() -> None:
    told = tell(
        """
        parties: {raid: [alice, bob]}
        steps:
          - connect: alice
          - wait: 90s
          - chat: {from: alice, to: bob, text: "${seed} ${now} ${bob.id} ${raid.id}"}
        """,
        seed=77,
    )
    bob, raid = told.run.cast.id_of("bob"), told.run.cast.id_of("raid")
    assert told.texts() == [f"77 2026-01-01T00:01:30.000Z {bob} {raid}"]


def test_variables_may_use_earlier_ones_and_can_be_given() -> None:
    story = """
        variables: {a: "x", b: "${a}y", count: 2, share: 0.5, on: true}
        steps:
          - connect: alice
          - chat: {from: alice, to: bob, text: "${b} ${count} ${share} ${on}"}
        """
    assert tell(story).texts() == ["xy 2 0.5 true"]
    given = {"a": "z", "count": "7", "share": "0.25", "on": "FALSE"}
    assert tell(story, variables=given).texts() == ["zy 7 0.25 false"]
    # Protobuf's numbers are doubles.
    assert tell(story, variables={"count": 7.0}).texts() == ["xy 7 0.5 true"]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"cuont": 1}, "no variable 'cuont'; did you mean count?"),
        ({"zebra": 1}, "no variable 'zebra'; it has count, share"),
        ({"count": "many"}, "'count' is a whole number"),
        ({"share": "half"}, "'share' is a number"),
    ],
)
def test_a_wrong_variable_is_refused_before_anything_happens(
    variables: dict[str, object], message: str
) -> None:
    script = script_of("variables: {count: 1, share: 0.5}\nsteps: [connect: alice]")
    with pytest.raises(PlayError, match=message):
        Told(script, variables=variables)


MANY = "\n".join(f'  v{number}: "${{big}}!"' for number in range(100))


@pytest.mark.parametrize("given", [{"big": "x" * 100_000}, {"small": ["x" * 2**20]}])
def test_variables_that_come_to_too_much_are_refused_before_anything_happens(
    given: dict[str, object],
) -> None:
    script = script_of(f"variables:\n  big: x\n  small: 1\n{MANY}\nsteps: [connect: alice]")
    with pytest.raises(TemplateError, match="variables are larger than 1 MiB"):
        Told(script, variables=given)


def test_expectations_that_come_to_too_much_are_refused_before_anything_happens() -> None:
    where = ", ".join(f"payload.a{number}: '${{big}}!'" for number in range(100))
    script = script_of(
        f"variables: {{big: {'x' * 100_000}}}\nsteps: [connect: alice]\n"
        f"expect: [none: {{where: {{{where}}}}}]"
    )
    with pytest.raises(TemplateError, match="compare with is larger than 1 MiB"):
        Told(script)


def test_parallel_branches_share_the_time_and_the_step_ends_with_the_last() -> None:
    told = tell(
        """
        steps:
          - parallel:
              - [connect: alice, wait: 1s, disconnect: alice]
              - [wait: 500ms, connect: bob, wait: 2s]
              - [connect: carol]
          - disconnect: everyone
        """
    )
    assert [(event.user, event.name, event.ms) for event in told.events] == [
        ("alice", "userConnected", 0),
        ("carol", "userConnected", 0),
        ("bob", "userConnected", 500),
        ("alice", "userDisconnected", 1000),
        ("carol", "userDisconnected", 2500),
        ("bob", "userDisconnected", 2500),
    ]


def test_branches_within_branches_end_before_the_outer_one_goes_on() -> None:
    told = tell(
        """
        steps:
          - parallel:
              - - parallel: [[wait: 3s, connect: alice], [wait: 1s]]
                - connect: bob
              - [wait: 2s, connect: carol]
        """
    )
    assert [(event.user, event.ms) for event in told.events] == [
        ("carol", 2000),
        ("alice", 3000),
        ("bob", 3000),
    ]


BRANCHES = """
    steps:
      - parallel:
          - [connect: alice, {first}, disconnect: alice]
          - [connect: bob, wait: [1s, 2s], disconnect: bob]
    """


def test_a_change_in_one_branch_leaves_the_chance_of_the_others_alone() -> None:
    def bobs(first: str) -> list[bytes | None]:
        told = tell(BRANCHES.format(first=first))
        return [event.record.value for event in told.events if event.user == "bob"]

    assert bobs("wait: 1s") == bobs("chat: {from: alice, to: bob, length: [1, 50]}")


def test_branches_have_different_chance() -> None:
    told = tell(
        """
        steps:
          - repeat:
              times: 2
              steps:
                - parallel: [[connect: alice], [connect: bob]]
        """
    )
    assert len({event.json["id"] for event in told.events}) == len(told.events)


def test_choices_follow_their_weights() -> None:
    told = tell(
        """
        service: {rate_limit: off}
        steps:
          - connect: alice
          - repeat:
              times: 2000
              steps:
                - choose:
                    - {weight: 3, steps: [chat: {from: alice, to: bob, text: often}]}
                    - steps: [chat: {from: alice, to: bob, text: seldom}]
        """
    )
    counts = Counter(told.texts())
    assert counts["often"] + counts["seldom"] == 2000
    assert counts["often"] / 2000 == pytest.approx(0.75, abs=0.03)


def test_late_events_lie_in_the_past_and_nested_ones_further() -> None:
    told = tell(
        """
        steps:
          - wait: 10s
          - late:
              by: 3s
              steps:
                - connect: alice
                - wait: 1s
                - late: {by: 2s, steps: [connect: bob]}
                - parallel: [[connect: carol]]
          - disconnect: alice
        """
    )
    assert [event.ms for event in told.events] == [7000, 6000, 8000, 11000]
    assert told.events[1].json["timestamp"] == "2026-01-01T00:00:06.000Z"


def test_lateness_is_of_timestamps_only_the_service_runs_on() -> None:
    told = tell(
        """
        service: {rate_limit: {messages: 1, per: 1s}}
        steps:
          - connect: alice
          - chat: {from: alice, to: bob, text: a}
          - late: {by: 1h, steps: [wait: 1s, chat: {from: alice, to: bob, text: b}]}
          - chat: {from: alice, to: bob, text: c}
        """
    )
    assert told.texts() == ["a", "b"]


def test_texts_of_a_length_and_from_a_corpus() -> None:
    told = tell(
        """
        service: {rate_limit: off}
        corpora: {words: [one, two, three]}
        steps:
          - connect: alice
          - chat: {from: alice, to: bob, length: 200}
          - repeat: {times: 30, steps: [chat: {from: alice, to: bob, length: [3, 5]}]}
          - repeat: {times: 30, steps: [chat: {from: alice, to: bob, corpus: words}]}
          - chat: {from: alice, to: bob, length: 5000}
        """
    )
    texts = told.texts()
    assert (len(texts[0]), len(texts[-1])) == (200, 5000)
    assert {len(text) for text in texts[1:31]} == {3, 4, 5}
    assert set(texts[31:61]) == {"one", "two", "three"}


def test_expectations_are_checked_where_they_stand_and_the_story_goes_on() -> None:
    told = tell(
        """
        steps:
          - connect: alice
          - expect: [count: {event: userConnected, user: alice, is: 1}]
          - expect: [none: {event: userConnected}]
          - disconnect: alice
        expect:
          - count: {event: userDisconnected, is: 1}
          - count: {event: userConnected, user: bob, is: 1}
        """
    )
    (failure,) = told.run.failures.texts()
    assert failure.startswith("story.yaml:4:")
    good, bad = told.run.verdicts()
    assert good.ok
    assert not bad.ok
    assert "bob" in bad.text
    assert len(told.events) == 2


def test_expectations_see_users_of_crowds_by_name_and_variables_as_values() -> None:
    script = script_of(
        """
        variables: {code: 4022}
        steps:
          - crowd: {name: fan, users: 3, arrive: {every: 1s}, stay: 1s, leave: {code: 4022}}
        expect:
          - all:
              of: {event: userDisconnected}
              have: {where: {payload.userDisconnected.code: "${code}"}}
        """
    )
    at = script.expectations[0].at
    expectations = (
        *script.expectations,
        Expectation(at, "count", (Match("userConnected", user="fan-00002"),), 1, 1),
        Expectation(at, "count", (Match("userConnected", user="fan-00004"),), 0, 0),
    )
    told = Told(replace(script, expectations=expectations)).to_the_end()
    assert [verdict.ok for verdict in told.run.verdicts()] == [True] * 3


def test_an_error_in_a_template_has_the_place_of_its_step() -> None:
    script = script_of(
        """
        variables: {who: alice}
        steps:
          - connect: alice
          - chat: {from: alice, to: bob, text: "${who.id}"}
        """
    )
    with pytest.raises(StepError, match=r"story.yaml:4:\d+: .*neither a user nor a party"):
        Told(script, variables={"who": "nobody"}).to_the_end()


def test_a_template_error_in_a_variable_is_raised_at_once() -> None:
    script = script_of("variables: {a: one, b: '${a.id}'}\nsteps: [connect: alice]")
    with pytest.raises(TemplateError):
        Told(script)


CENTURY = "wait: 36500d"
FANS = "crowd: {name: fan, users: 2, arrive: {every: 36500d}, stay: 1s}"


@pytest.mark.parametrize("step", [CENTURY, f"parallel: [[{CENTURY}], [wait: 1s]]", FANS])
def test_a_story_beyond_the_year_9999_stops_before_it_with_a_clear_error(step: str) -> None:
    story = Told(script_of(f"steps:\n  - repeat: {{times: 200, steps: [{step}]}}"))
    with pytest.raises(StepError, match=r"^story.yaml:2:\d+: .* beyond the year 9999"):
        story.to_the_end()
    assert story.run.now_ns < 253_402_300_800 * SECOND


def test_timestamps_before_the_year_1_are_a_clear_error() -> None:
    story = Told(script_of("steps: [late: {by: 1d, steps: [connect: alice]}]"), start=EARLIEST_NS)
    with pytest.raises(StepError, match="outside the years 1 to 9999"):
        story.to_the_end()


# --- slices ----------------------------------------------------------------------------------

MIXED = """
    service: {rate_limit: {messages: 3, per: 1s}}
    steps:
      - parallel:
          - - repeat:
                times: 5
                every: 1s
                steps:
                  - connect: [alice, bob]
                  - chat: {from: alice, to: bob, length: [1, 9]}
                  - parallel: [[wait: 0s, rate_limit: bob], [wait: 500ms, disconnect: alice]]
                  - disconnect: bob
          - - crowd:
                name: fan
                users: 8
                arrive: {every: 500ms}
                stay: 2s
                chat: {every: 500ms, to: random, text: hey}
          - - crowd:
                name: guest
                users: 8
                arrive: {every: 500ms}
                stay: 2s
                chat: {every: 250ms, to: random, text: ho}
      - duplicate: 3
    """


@pytest.mark.parametrize("budget", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("step_ns", [1, 3, 50])
def test_how_a_run_is_cut_into_slices_changes_nothing(budget: int, step_ns: int) -> None:
    whole = [tuple(record) for record in tell(MIXED)]
    sliced = Told(script_of(MIXED))
    until = START
    while not sliced.run.advance(until, budget):
        due = sliced.run.next_due_ns
        assert due is not None
        if due > until:
            until = due + step_ns % 7 * SECOND // 10
    assert [tuple(record) for record in sliced] == whole
    assert len(whole) > 100


def test_a_slice_does_nothing_beyond_its_end_and_little_more_than_its_budget() -> None:
    story = Told(script_of("steps: [repeat: {times: 1000000000, steps: [rate_limit: alice]}]"))
    assert not story.run.advance(START, 50)
    assert 10 <= len(story.events) <= 50
    story.run.close()
    assert story.run.advance(FOREVER, 50)

    story = Told(script_of("steps: [connect: alice, wait: 1s, connect: bob, wait: 1s]"))
    assert not story.run.advance(START + SECOND - 1, 1000)
    assert (len(story.events), story.run.next_due_ns) == (1, START + SECOND)
    assert not story.run.advance(START + SECOND, 1000)
    assert (len(story.events), story.run.now_ns) == (2, START + SECOND)
    assert story.run.advance(START + 2 * SECOND, 1000)
    assert PARKED < 0  # never a time to wake at


def test_an_error_of_the_log_is_told_at_the_step_and_what_was_published_stays() -> None:
    story = Told(
        script_of("{steps: [connect: alice, chat: {from: alice, to: bob, length: 1048576}]}")
    )
    with pytest.raises(StepError, match=r"story.yaml:1:\d+: "):
        story.to_the_end()
    assert story.line() == ["alice userConnected"]


def test_a_full_log_ends_the_story() -> None:
    log = new_log(max_bytes=20_000)
    story = Told(script_of("steps: [repeat: {times: 1000, steps: [rate_limit: alice]}]"), log=log)
    with pytest.raises(StepError, match=r"^story\.yaml:1:"):
        story.to_the_end()
    assert 10 < len(story.events) < 40


def test_an_id_that_is_no_uuid_is_an_invalid_event_at_its_step() -> None:
    at = Position("built.py", 3, 5)
    script = Script(
        name="built",
        file="built.py",
        users={"a": User("a", id="not-a-uuid")},
        steps=(Connect(at, Who(users=("a",))), Chat(at, sender="a", to="a", text="x")),
    )
    with pytest.raises(StepError, match=r"^built.py:3:5: (?s:.*)sender_id"):
        Told(script).to_the_end()
