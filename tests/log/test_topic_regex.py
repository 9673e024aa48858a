"""Expressions over topic names, against Python's own matching and against what would be endless."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.log.topic_regex import InvalidTopicRegex, TopicRegex


@pytest.mark.parametrize(
    ("regex", "name", "expected"),
    [
        ("chat", "chat", True),
        ("chat", "chats", False),
        ("chat.*", "chat", True),
        ("^chat$", "chat", True),
        ("(a|bc)+d?", "abcd", True),
        ("(?i)CHAT", "chat", True),
        ("(?i:C)hat", "chat", True),
        ("(?i:C)HAT", "chat", False),
        ("[^a-c]+", "xyz", True),
        ("[^a-c]+", "xyb", False),
        ("[[:alpha:]]+[[:digit:]]{2,3}", "topic12", True),
        ("[[:alpha:]]+[[:digit:]]{2,3}", "topic1", False),
        (r"\w+\.\d*", "a_b.", True),
        (r"\Aab\z", "ab", True),
        ("(?<part>a)b", "ab", True),
        ("a{0}b", "b", True),
        ("a.b", "a-b", True),
        ("", "", True),
        ("x*", "", True),
        ("(?:){99999999}a", "a", True),
    ],
)
def test_matches_the_whole_name(regex: str, name: str, expected: bool) -> None:
    assert TopicRegex(regex).matches(name) is expected


@pytest.mark.parametrize(
    "regex",
    ["a(", "a)", "*", "[z", "(?=a)", "(?<!a)b", r"(a)\1", "(a{1000}){1000}", "(" * 900, "x" * 2001],
)
def test_what_is_no_expression_or_too_large_is_refused(regex: str) -> None:
    with pytest.raises(InvalidTopicRegex):
        TopicRegex(regex)


def test_expressions_that_trial_and_error_never_ends() -> None:
    name = "a" * 249
    assert not TopicRegex("(a+)+b").matches(name)
    assert not TopicRegex("(a|a)*b").matches(name)
    assert not TopicRegex(".*" * 50 + "b").matches(name)


_expressions = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", "^", "$", ""]),
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("({}|{})".format, inner, inner),
        st.builds("({})*".format, inner),
        st.builds("({})+?".format, inner),
        st.builds("({}){{1,2}}".format, inner),
        st.builds("(?i:{})".format, inner),
    ),
    max_leaves=6,
)


@given(_expressions, st.text("abB1", max_size=5))
def test_as_python_matches(regex: str, name: str) -> None:
    assert TopicRegex(regex).matches(name) == bool(re.fullmatch(regex, name))
