from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise

import pytest
from stage import SECOND, START, Event, Told, script_of, tell

from simulator.scenario.engine.cast import crowd_party, crowd_user
from simulator.scenario.engine.partners import Member, Popular
from simulator.scenario.errors import StepError
from simulator.scenario.identity import derived_id
from simulator.scenario.randomness import Randomness
from simulator.scenario.script import Crowd, Distribution, ServiceSettings


def crowd(**fields: str) -> str:
    settings = {
        "name": "fan",
        "users": "20",
        "arrive": "{every: 1s}",
        "stay": "1m",
        "chat": "{every: 5s, to: random, text: hi}",
    } | fields
    inner = ", ".join(f"{key}: {value}" for key, value in settings.items() if value)
    return f"crowd: {{{inner}}}"


CLOSED = "{reason: closed, code: 4022, forced: true}"


def sent(told: Told) -> list[Event]:
    return told.named("personalChatSent")


def user(number: int) -> str:
    return derived_id(1, "user", crowd_user("fan", number))


def test_users_have_numbered_names_and_ids_that_scripts_can_use() -> None:
    told = tell(f"steps: [{crowd(users='3', chat='')}]")
    assert crowd_user("fan", 1) == "fan-00001"
    assert [event.user for event in told.named("userConnected")] == [user(n) for n in (1, 2, 3)]
    assert told.run.cast.user_id("fan-00003") == user(3)
    for name in ("fan-00004", "fan-00000", "fan-3", "fan-000003", "other-00001"):
        assert told.run.cast.user_id(name) is None


@pytest.mark.parametrize(
    ("arrive", "arrivals"),
    [("{every: 10s}", [10, 20, 30, 40]), ("{over: 1m}", [15, 30, 45, 60])],
)
def test_arrivals_at_a_steady_rate_and_stays(arrive: str, arrivals: list[int]) -> None:
    told = tell(f"steps: [{crowd(users='4', arrive=arrive, stay='25s', chat='')}]")
    assert [event.ms for event in told.named("userConnected")] == [1000 * at for at in arrivals]
    left = [event.ms for event in told.named("userDisconnected")]
    assert left == [1000 * (at + 25) for at in arrivals]
    assert told.run.now_ns == START + (arrivals[-1] + 25) * SECOND


def test_poisson_arrivals_have_exponential_gaps() -> None:
    story = crowd(users="5000", arrive="{poisson: 20/s}", stay="1s", chat="")
    told = tell(f"steps: [{story}]")
    times = [event.ms for event in told.named("userConnected")]
    gaps = [later - earlier for earlier, later in pairwise([0, *times])]
    mean = sum(gaps) / len(gaps)
    assert mean == pytest.approx(50, rel=0.05)  # deviation of the mean: 1.4 %
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert variance**0.5 == pytest.approx(50, rel=0.07)
    # Counts in a second are Poisson distributed: variance and mean are the same.
    counts = Counter(time // 1000 for time in times)
    per_second = [counts[second] for second in range(max(counts))]
    average = sum(per_second) / len(per_second)
    spread = sum((count - average) ** 2 for count in per_second) / len(per_second)
    assert average == pytest.approx(20, rel=0.05)
    assert spread == pytest.approx(20, rel=0.25)


def test_members_write_in_their_rhythm_while_they_stay() -> None:
    story = crowd(
        users="2", arrive="{every: 1s}", stay="20s", chat="{every: 5s, to: pairs, text: x}"
    )
    told = tell(f"steps: [{story}]")
    by_user: dict[str | None, list[int]] = defaultdict(list)
    for event in sent(told):
        by_user[event.user].append(event.ms)
    assert by_user[user(1)] == [6000, 11_000, 16_000]  # not at 21 s, when the stay is over
    # The second one writes at 7, 12, 17 s; the first has left before 22 s.
    assert by_user[user(2)] == [7000, 12_000, 17_000]


def test_sessions_last_from_arrival_to_leaving_and_everybody_leaves_as_told() -> None:
    told = tell(f"steps: [{crowd(leave=CLOSED, stay='{exponential: 30s}')}]")
    sessions: dict[str | None, set[str | None]] = defaultdict(set)
    for event in told.events:
        sessions[event.user].add(event.session)
    assert len(sessions) == 20
    assert all(len(one) == 1 for one in sessions.values())
    left = told.named("userDisconnected")
    assert len(left) == 20
    assert {str(event.data) for event in left} == {
        str({"reason": "closed", "code": 4022, "forced": True})
    }
    assert told.run.service.online == {}


def test_nobody_writes_to_somebody_who_is_not_there_or_to_oneself() -> None:
    for to in ("random", "popular", "pairs", "party"):
        chat = f"{{every: 2s, to: {to}, text: x}}"
        told = tell(f"steps: [{crowd(stay='{uniform: [5s, 40s]}', chat=chat)}]")
        online: set[str | None] = set()
        messages = 0
        for event in told.events:
            if event.name == "userConnected":
                online.add(event.user)
            elif event.name == "userDisconnected":
                online.remove(event.user)
            else:
                messages += 1
                members = event.data["target_members"]
                assert event.user in online
                assert len(members) >= 2
                assert event.user in members
                assert set(members) <= online
                if to != "party":
                    assert event.data["target_id"] != event.user
                    assert event.data["target_id"] in members
        assert messages > 30


def test_somebody_alone_keeps_silent() -> None:
    for to in ("random", "popular", "pairs", "party"):
        story = crowd(users="1", chat=f"{{every: 1s, to: {to}, text: x}}")
        assert sent(tell(f"steps: [{story}]")) == []


def test_pairs_are_neighbours() -> None:
    story = crowd(users="5", chat="{every: 2s, to: pairs, text: x}")
    told = tell(f"steps: [{story}]")
    partners = {(event.user, event.data["target_id"]) for event in sent(told)}
    pairs = [(1, 2), (2, 1), (3, 4), (4, 3)]  # the fifth has nobody
    assert partners == {(user(a), user(b)) for a, b in pairs}


def test_parties_are_neighbours_with_an_id_of_their_own() -> None:
    story = crowd(users="6", stay="10m", chat="{every: 5s, to: party, party_size: 3, text: x}")
    told = tell(f"steps: [wait: 0s, {story}]")
    late = [event for event in sent(told) if 10_000 < event.ms < 500_000]
    first = derived_id(1, "party", crowd_party("fan", 1))
    second = derived_id(1, "party", crowd_party("fan", 2))
    for event in late:
        inside = event.user in {user(1), user(2), user(3)}
        assert event.data["target_type"] == "party"
        assert event.data["target_id"] == (first if inside else second)
        numbers = (1, 2, 3) if inside else (4, 5, 6)
        assert event.data["target_members"] == [user(number) for number in numbers]
    assert len({event.user for event in late}) == 6


def test_members_can_be_listed_without_the_sender() -> None:
    for to in ("random", "popular", "pairs", "party"):
        told = tell(
            f"""
            service: {{target_members: others}}
            steps: [{crowd(chat=f"{{every: 5s, to: {to}, text: x}}")}]
            """
        )
        assert sent(told)
        for event in sent(told):
            assert event.user not in event.data["target_members"]
            assert event.data["target_members"]


def test_few_get_most_of_the_messages_where_partners_are_popular() -> None:
    fields = {"users": "200", "arrive": "{every: 1ms}", "stay": "5m"}
    shares = {}
    for to in ("random", "popular"):
        told = tell(f"steps: [{crowd(**fields, chat=f'{{every: 10s, to: {to}, text: x}}')}]")
        counts = Counter(event.data["target_id"] for event in sent(told))
        top = sum(count for _, count in counts.most_common(20))
        shares[to] = top / sum(counts.values())
    assert shares["random"] < 0.2
    assert shares["popular"] > 0.4


def test_popularity_follows_zipfs_law_and_the_sums_stay_right_as_members_come_and_go() -> None:
    popular = Popular(ServiceSettings(), Randomness("popular"))
    chance = Randomness("who leaves")
    present: list[Member] = []
    for number in range(4000):
        member = Member(str(number), number, lambda _: None)
        popular.join(member)
        present.append(member)
        if chance.below(4) == 0:
            popular.leave(present.pop(chance.below(len(present))))
        if number % 100 == 0 and len(present) > 1:
            assert popular.target(present[0]) is not None
    levels = {member.user_id: popular._levels.index(member.group) for member in present}  # type: ignore[arg-type]
    by_level = Counter(levels.values())
    for level in range(5):  # each level half as many as the one before
        share = sum(count for other, count in by_level.items() if other >= level) / len(present)
        assert share == pytest.approx(0.5**level, rel=0.25)
    assert sum(len(group) for group in popular._levels) == len(present)
    drawn = Counter(popular.target(present[0])[0] for _ in range(20_000))  # type: ignore[index]
    total = sum(1 << level for level in levels.values())
    for user_id, count in drawn.most_common(3):
        assert count / 20_000 == pytest.approx((1 << levels[user_id]) / total, rel=0.15)


def test_texts_of_a_crowd() -> None:
    def texts(chat: str, head: str = "") -> list[str]:
        return tell(f"{head}\nsteps: [{crowd(chat=chat)}]").texts()

    assert set(texts("{every: 5s, to: random, text: fixed}")) == {"fixed"}
    lengths = {len(text) for text in texts("{every: 1s, to: random, length: [3, 6]}")}
    assert lengths == {3, 4, 5, 6}
    words = 'corpora: {words: ["one", "two"]}'
    assert set(texts("{every: 5s, to: random, corpus: words}", words)) == {"one", "two"}
    names = "variables: {word: hey}"
    assert set(texts('{every: 5s, to: random, text: "${word}"}', names)) == {"hey"}
    with_time = texts('{every: 5s, to: random, text: "${now}"}')
    assert len(set(with_time)) > 10


def test_members_are_limited_like_everybody() -> None:
    chat = "{every: 4s, to: pairs, text: x}"
    story = crowd(users="2", arrive="{every: 1ms}", stay="30s", chat=chat)
    told = tell(f"service: {{rate_limit: {{messages: 1, per: 10s}}}}\nsteps: [{story}]")
    ones = [event for event in told.events if event.user == user(1)]
    sent_at = [event.ms for event in ones if event.name == "personalChatSent"]
    limited = [event.ms for event in ones if event.name == "userChatRateLimited"]
    assert sent_at == [4001, 16_001, 28_001]
    assert limited == [8001, 12_001, 20_001, 24_001]


def test_members_who_are_thrown_out_do_not_come_back() -> None:
    told = tell(
        f"""
        service: {{rate_limit: {{messages: 1, per: 1h}}, rate_limited: {{disconnects: true}}}}
        steps: [{crowd(stay="1h", chat="{every: 4s, to: random, text: x}")}]
        """
    )
    last = {event.user: event.name for event in told.events}
    left = Counter(event.user for event in told.named("userDisconnected"))
    assert set(last.values()) == {"userDisconnected"}
    assert set(left.values()) == {1}
    assert len(told.named("userChatRateLimited")) >= 18
    # All but those left alone at the end are gone within a minute.
    assert told.named("userDisconnected")[17].ms < 60_000


def test_the_step_ends_at_once_when_the_last_is_thrown_out() -> None:
    told = tell(
        f"""
        steps:
          - parallel:
              - - {crowd(stay="10h", chat="")}
                - connect: alice
              - - wait: 5m
                - disconnect: {{user: everyone, code: 4000, forced: true}}
        """
    )
    assert told.events[-1].user == "alice"
    assert told.events[-1].ms == 300_000
    assert told.run.now_ns == START + 300 * SECOND
    codes = Counter(event.code for event in told.named("userDisconnected"))
    assert codes == {4000: 20}


def test_the_step_waits_for_those_who_come_after_the_others_were_thrown_out() -> None:
    told = tell(
        f"""
        steps:
          - parallel:
              - [{crowd(stay="1h", chat="")}]
              - [wait: 5500ms, disconnect: everyone]
        """
    )
    assert len(told.named("userConnected")) == 20
    assert Counter(event.ms for event in told.named("userDisconnected"))[5500] == 5
    assert told.run.now_ns == START + 3620 * SECOND


def test_the_same_crowd_twice_is_the_same_people_with_new_sessions_and_chance() -> None:
    told = tell(f"steps: [{crowd()}, {crowd()}]")
    connected = told.named("userConnected")
    assert [e.user for e in connected[:20]] == [e.user for e in connected[20:]]
    assert len({event.session for event in connected}) == 40
    assert len({event.json["id"] for event in told.events}) == len(told.events)


@pytest.mark.parametrize(
    ("setting", "forced", "usual"), [("replace", 20, 20), ("allow", 0, 40), ("refuse", 0, 20)]
)
def test_two_crowds_of_the_same_people_at_once(setting: str, forced: int, usual: int) -> None:
    story = crowd(stay="10m", chat="")
    told = tell(
        f"""
        service: {{multiple_sessions: {setting}}}
        steps:
          - parallel:
              - [{story}]
              - [wait: 5m, {story}]
          - expect: [count: {{event: userConnected, at_least: 20}}]
        """
    )
    codes = Counter(event.code for event in told.named("userDisconnected"))
    assert (codes[4041], codes[1000]) == (forced, usual)
    assert told.run.service.online == {}
    if setting == "refuse":
        assert told.run.refusals == {"multiple_logins": 20}
        assert told.run.now_ns == START + 620 * SECOND
    else:
        assert told.run.now_ns == START + 920 * SECOND


def test_who_finds_the_service_full_does_not_come() -> None:
    told = tell(f"{{service: {{max_users: 5}}, steps: [{crowd(chat='')}]}}")
    codes = Counter(event.code for event in told.named("userDisconnected"))
    assert codes == {4060: 15, 1000: 5}
    assert len(told.named("userConnected")) == 5
    assert told.run.refusals == {"full": 15}


def test_scripted_steps_reach_members_of_a_crowd() -> None:
    told = Told(script_of(f"steps: [parallel: [[{crowd()}], [wait: 30s, connect: alice]]]"))
    told.run.advance(START + 30 * SECOND, 1 << 20)
    third = told.run.service.online[user(3)]
    told.run.service.mute(third, None, told.run.now_ns)
    told.to_the_end()
    assert all(event.ms <= 30_000 for event in sent(told) if event.user == user(3))
    assert told.run.refusals["muted"] > 3


def test_timestamps_of_a_crowd_can_be_late() -> None:
    told = tell(f"steps: [wait: 1h, late: {{by: 30m, steps: [{crowd(users='2', chat='')}]}}]")
    assert [event.ms for event in told.named("userConnected")] == [1_801_000, 1_802_000]


def test_members_who_never_pause_still_come_to_their_end() -> None:
    script = script_of(f"steps: [{crowd(users='2', chat='{every: 1s, to: pairs, text: x}')}]")
    (step,) = script.steps
    assert isinstance(step, Crowd)
    nothing = Distribution("constant", mean=0)
    hasty = replace(step, arrivals=nothing, pause=nothing, stay=Distribution("constant", mean=9))
    settings = replace(script.service, rate_limit_messages=0)
    told = Told(replace(script, steps=(hasty,), service=settings)).to_the_end()
    # One message a nanosecond is the most; of the two, one comes and goes first.
    assert len(sent(told)) == 2 * 8
    assert told.run.now_ns == START + 9


def test_an_error_within_a_crowd_has_the_place_of_its_step() -> None:
    story = crowd(chat='{every: 5s, to: random, text: "${w.id}"}')
    script = script_of(f"variables: {{w: alice}}\nsteps:\n  - {story}")
    with pytest.raises(StepError, match=r"^story.yaml:3:\d+: .*neither"):
        Told(script, variables={"w": "nobody"}).to_the_end()


def test_users_who_have_not_come_yet_or_have_left_cost_nothing() -> None:
    story = crowd(
        users="3000", arrive="{every: 1s}", stay="10s", chat="{every: 3s, to: party, text: x}"
    )
    told = Told(script_of(f"steps: [{story}]"))
    run = told.run
    most = 0
    until = START
    while not run.advance(until, 1 << 20):
        until += 60 * SECOND
        most = max(most, len(run.service.online) + len(run.service._offline))
    assert most < 1100  # the sweep of those who have left begins above 1,024
    assert len(told.named("userConnected")) == 3000
    assert len(run.cast.identities.users) == 3  # alice, bob and carol
