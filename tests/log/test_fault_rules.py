"""Rules of faults: what cannot be one, and how often one fires."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from simulator.log.fault_rules import (
    MAX_RULES,
    FaultNotFound,
    FaultRule,
    FaultRules,
    InvalidFault,
)
from simulator.log.kafka_names import APIS, ERRORS, api_name, error_code, error_name


def never() -> float:
    raise AssertionError("chance was asked")


def fired(rule: FaultRule, matches: int, draw: Callable[[], float] = never) -> list[int]:
    """Which of so many matches the rule fires for, from 1."""
    rules = FaultRules(draw)
    rules.add(rule)
    return [n for n in range(1, matches + 1) if rules.fire(lambda _: True) is not None]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"times": 1}, [1]),
        ({"nth": 4}, [4]),
        ({"every": 3}, [3, 6]),
        ({"every": 2, "times": 2}, [2, 4]),
    ],
)
def test_counts(counts: dict[str, Any], expected: list[int]) -> None:
    assert fired(FaultRule(error="REQUEST_TIMED_OUT", **counts), 6) == expected


def test_probability_takes_one_draw_for_each_match() -> None:
    draws = iter([0.1, 0.5, 0.29, 0.3, 0.9])
    assert fired(FaultRule(cut=0, probability=0.3), 5, lambda: next(draws)) == [1, 3]
    assert next(draws, None) is None


def test_what_is_certain_may_be_said_as_a_probability() -> None:
    assert fired(FaultRule(cut=0, probability=1), 3, lambda: 0.999) == [1, 2, 3]


def test_a_rule_for_the_nth_match_sees_no_later_ones() -> None:
    rules = FaultRules(never)
    fault = rules.add(FaultRule(error="REQUEST_TIMED_OUT", nth=2))
    assert [rules.fire(lambda _: True) for _ in range(4)] == [None, fault, None, None]
    assert (fault.seen, fault.fired) == (2, 1)


def test_spent_rule_lets_the_next_one_see_the_request() -> None:
    rules = FaultRules(never)
    first = rules.add(FaultRule(error="REQUEST_TIMED_OUT", times=1))
    second = rules.add(FaultRule(error="NOT_ENOUGH_REPLICAS"))
    assert [rules.fire(lambda _: True) for _ in range(2)] == [first, second]
    assert (first.seen, first.fired, second.seen, second.fired) == (1, 1, 1, 1)


def test_rule_that_does_not_match_counts_nothing() -> None:
    rules = FaultRules(never)
    fault = rules.add(FaultRule(nth=1, drop="before"))
    assert rules.fire(lambda _: False) is None
    assert (fault.seen, fault.spent) == (0, False)


def test_rules_can_be_found_and_removed() -> None:
    rules = FaultRules(never)
    assert not rules
    fault = rules.add(FaultRule(drop="after"))
    assert rules
    assert rules.find(fault.fault_id) is fault
    rules.remove(fault.fault_id)
    with pytest.raises(FaultNotFound):
        rules.find(fault.fault_id)
    assert not rules


def test_there_are_not_too_many() -> None:
    rules = FaultRules(never)
    for _ in range(MAX_RULES):
        rules.add(FaultRule(drop="after"))
    with pytest.raises(InvalidFault, match="remove some"):
        rules.add(FaultRule(drop="after"))


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({}, "does something"),
        ({"api": "Prodce", "drop": "after"}, "did you mean Produce"),
        ({"api": "join_group", "drop": "after"}, "did you mean JoinGroup"),
        ({"error": "NOT_ENOUGH_REPLICA"}, "did you mean NOT_ENOUGH_REPLICAS"),
        ({"error": "not_enough_replicas"}, "did you mean NOT_ENOUGH_REPLICAS"),
        ({"error": "NONE"}, "no Kafka error"),
        ({"error": 19}, "'NOT_ENOUGH_REPLICAS' instead of 19"),
        ({"error": 9999}, "not 9999"),
        ({"error": ["NONE"]}, "Kafka's word"),
        ({"api": 0, "drop": "after"}, "such as 'Produce', not 0"),
        ({"error": "REQUEST_TIMED_OUT", "times": 0}, "at least 1"),
        ({"error": "REQUEST_TIMED_OUT", "nth": 1, "every": 2}, "nth, every and probability"),
        ({"error": "REQUEST_TIMED_OUT", "probability": 1.5}, "at most 1"),
        ({"error": "REQUEST_TIMED_OUT", "probability": 0}, "more than 0"),
        ({"error": "REQUEST_TIMED_OUT", "partition": -1}, "count from 0"),
        ({"drop": "during"}, "'before' or 'after'"),
        ({"cut": -1}, "0 or more"),
        ({"cut": "10"}, "'10'.*0 or more"),
        ({"error": "REQUEST_TIMED_OUT", "times": "2"}, "'2'.*at least 1"),
        ({"error": "REQUEST_TIMED_OUT", "probability": "often"}, "'often'.*at most 1"),
        ({"error": "REQUEST_TIMED_OUT", "partition": "0"}, "'0'.*count from 0"),
        ({"delay_ms": -1}, "0 to 86400000"),
        ({"throttle_ms": 10**9}, "0 to 86400000"),
        ({"error": "REQUEST_TIMED_OUT", "drop": "before"}, "exclude each other"),
        ({"cut": 5, "drop": "after"}, "exclude each other"),
        ({"duplicate": True, "error": "REQUEST_TIMED_OUT"}, "handled"),
        ({"duplicate": True, "api": "Fetch"}, "not for Fetch"),
        ({"restart_after_ms": 5, "drop": "after"}, "belongs to stop_broker"),
    ],
)
def test_rules_that_cannot_be(rule: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidFault, match=told):
        FaultRule(**rule)


def test_a_rule_says_what_it_is() -> None:
    rule = FaultRule(api="Produce", topic="chat", times=1, error="NOT_ENOUGH_REPLICAS")
    assert str(rule) == ("fault(api='Produce', topic='chat', times=1, error='NOT_ENOUGH_REPLICAS')")


def test_errors_are_those_of_the_protocol() -> None:
    assert {name: error_code(name) for name in ERRORS} == {
        error.name.upper(): int(error) for error in ErrorCode
    }
    assert error_name(19) == "NOT_ENOUGH_REPLICAS"
    assert error_name(999) == "error 999"


def test_apis_have_the_codec_s_names() -> None:
    from simulator.listeners.kafka.registry import registered

    assert {api_name(api.module) for api in registered().values()} <= APIS
    assert api_name("add_partitions_to_txn") == "AddPartitionsToTxn"
