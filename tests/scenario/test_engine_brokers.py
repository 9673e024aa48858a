"""Steps about Kafka brokers: what they ask of the brokers, and in which order."""

from __future__ import annotations

import pytest
from script_texts import problems_in, step_of
from stage import Told, script_of

from simulator.log.fault_rules import FaultRule, InvalidFault
from simulator.scenario.engine.broker_steps import NO_BROKERS
from simulator.scenario.errors import StepError
from simulator.scenario.script import Broker, Fault, Leader


class Notebook:
    """Brokers that write down what is asked of them."""

    def __init__(self, *, available: bool = True) -> None:
        self.available = available
        self.asked: list[object] = []
        self.told: Told | None = None

    def add_fault(self, rule: FaultRule) -> int:
        if rule.topic == "gone":
            raise InvalidFault("there is no topic gone")
        self.note("fault", rule)
        return len(self.asked)

    def remove_fault(self, fault_id: int) -> None:
        self.note("remove", fault_id)

    def stop_broker(self, node_id: int | None) -> None:
        self.note("stop", node_id)

    def start_broker(self, node_id: int | None) -> None:
        self.note("start", node_id)

    def move_leader(self, topic: str, partition: int, to: int | None) -> None:
        self.note("leader", topic, partition, to)

    def move_coordinator(
        self, group: str | None, transactional_id: str | None, to: int | None
    ) -> None:
        self.note("coordinator", group, transactional_id, to)

    def note(self, *what: object) -> None:
        """What was asked, and how many events the story had published by then."""
        assert self.told is not None
        self.asked.append((*what, len(list(self.told))))


def tell(text: str, brokers: Notebook) -> Told:
    brokers.told = Told(script_of(text), brokers=brokers)
    return brokers.told.to_the_end()


def test_each_acts_at_its_place_in_the_story() -> None:
    brokers = Notebook()
    tell(
        """
        users: [alice, bob]
        steps:
          - connect: alice
          - broker: {stop: 2}
          - wait: 10s
          - connect: bob
          - broker: {start: 2}
          - broker: stop
          - broker: start
          - leader: chat
          - leader: {topic: chat, partition: 3, to: 1}
          - leader: {group: g}
          - leader: {transactional_id: t, to: 2}
        """,
        brokers,
    )
    assert brokers.asked == [
        ("stop", 2, 1),
        ("start", 2, 2),
        ("stop", None, 2),
        ("start", None, 2),
        ("leader", "chat", 0, None, 2),
        ("leader", "chat", 3, 1, 2),
        ("coordinator", "g", None, None, 2),
        ("coordinator", None, "t", 2, 2),
    ]


def test_a_fault_holds_from_here_on_for_some_steps_or_until_off() -> None:
    brokers = Notebook()
    tell(
        """
        users: [alice, bob]
        steps:
          - fault: {api: Produce, error: NOT_ENOUGH_REPLICAS, times: 1}
          - fault:
              api: Fetch
              drop: before
              delay: 1500ms
              steps:
                - connect: alice
                - wait: 10s
          - fault: {stop_broker: true, restart_after: 1m}
          - connect: bob
          - fault: off
          - fault: off
        """,
        brokers,
    )
    assert brokers.asked == [
        ("fault", FaultRule(api="Produce", error="NOT_ENOUGH_REPLICAS", times=1), 0),
        ("fault", FaultRule(api="Fetch", drop="before", delay_ms=1500), 0),
        ("remove", 2, 1),
        ("fault", FaultRule(stop_broker=True, restart_after_ms=60_000), 1),
        ("remove", 1, 2),
        ("remove", 4, 2),
    ]


def test_a_fault_ends_with_a_story_that_is_stopped_in_its_steps() -> None:
    brokers = Notebook()
    text = "steps: [{fault: {cut: 0, steps: [wait: 1h]}}]"
    brokers.told = told = Told(script_of(text), brokers=brokers)
    assert not told.run.advance(told.run.start_ns, 100)
    told.run.close()
    assert brokers.asked == [("fault", FaultRule(cut=0), 0), ("remove", 1, 0)]


@pytest.mark.parametrize("brokers", [None, Notebook(available=False)])
def test_without_brokers_the_rest_of_the_story_is_told(brokers: Notebook | None) -> None:
    text = """
        users: [alice]
        steps:
          - broker: stop
          - fault: off
          - fault: {cut: 0, steps: [connect: alice]}
          - leader: chat
          - disconnect: alice
        """
    told = Told(script_of(text), brokers=brokers).to_the_end()
    assert told.line() == ["alice userConnected", "alice userDisconnected"]
    assert told.run.warnings.texts() == (NO_BROKERS,)


def test_what_cannot_be_done_has_the_place_of_its_step() -> None:
    with pytest.raises(StepError, match=r":2:\d+: there is no topic gone"):
        tell("steps:\n  - fault: {topic: gone, cut: 0}\n", Notebook())


def test_steps_are_read() -> None:
    step = step_of("fault: {topic: chat, throttle: 2s, probability: 0.5, move_leader: 2}")
    assert isinstance(step, Fault)
    assert step.rule == FaultRule(topic="chat", throttle_ms=2000, probability=0.5, move_leader=2)
    assert isinstance(step_of("broker: stop"), Broker)
    leader = step_of("leader: {topic: chat}")
    assert isinstance(leader, Leader)
    assert (leader.topic, leader.partition, leader.to) == ("chat", 0, None)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("fault: {api: Prodce, cut: 0}", "3:18: there is no Kafka API 'Prodce'; did you mean"),
        ("fault: {error: NOT_ENOUGH}", "there is no Kafka error 'NOT_ENOUGH'"),
        ("fault: {api: Produce}", "a fault does something"),
        ("fault: {eror: NOT_CONTROLLER}", "unknown key 'eror' in fault (did you mean 'error'?)"),
        ("fault: {topic: chta, cut: 0}", "unknown topic 'chta' (did you mean 'chat'?)"),
        ("fault: {cut: 0, probability: 2}", "at most 1"),
        ("fault: {delay: 5}", "add a unit"),
        ("fault: {drop: during}", "expected before or after"),
        ("fault: {cut: 1, drop: after}", "exclude each other"),
        ("fault: of", "expected off or none"),
        ("broker: halt", "expected stop or start"),
        ("broker: {stop: 1, start: 1}", "takes only one of"),
        ("broker: {stop: first}", "expected a whole number"),
        ("leader: {to: 2}", "leader lacks 'topic' or 'group' or 'transactional_id'"),
        ("leader: {topic: chat, group: g}", "takes only one of"),
    ],
)
def test_mistakes_are_told(step: str, told: str) -> None:
    (problem,) = problems_in(f"users: [alice]\nsteps:\n  - {step}\n")
    assert told in problem
