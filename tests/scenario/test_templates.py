"""Templates: names in texts, and nothing but names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.scenario.errors import TemplateError
from simulator.scenario.templates import (
    MAX_RENDERED,
    Name,
    Template,
    as_text,
    compile_template,
    join_parts,
    render_value,
)

SCOPE: dict[str, object] = {
    "name": "Ann",
    "n": 3,
    "half": 0.5,
    "yes": True,
    "nothing": None,
    "list": [1, "two"],
    "who": "alice",
    "alice.id": "0a1b",
    "stranger": "mallory",
}


def render(text: str) -> object:
    compiled = compile_template(text)
    return compiled.render(SCOPE) if isinstance(compiled, Template) else compiled


@pytest.mark.parametrize("text", ["", "plain", "$", "$name", "{name}", "100%", "$ {name}", "}"])
def test_texts_without_names_stay_as_they_are(text: str) -> None:
    assert compile_template(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${name}", "Ann"),
        ("${n}", 3),
        ("${yes}", True),
        ("${nothing}", None),
        ("${list}", [1, "two"]),
        ("hi ${name}!", "hi Ann!"),
        ("${n}${n}", "33"),
        ("${n} ${half} ${yes} ${nothing} ${list}", '3 0.5 true null [1,"two"]'),
        ("${alice.id}", "0a1b"),
        ("<${who.id}>", "<0a1b>"),
        ("$${name}", "${name}"),
        ("$${name} ${name}", "${name} Ann"),
        ("$$${name}", "$${name}"),
        ("cost: $${", "cost: ${"),
    ],
)
def test_rendering(text: str, value: object) -> None:
    assert render(text) == value
    assert type(render(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("${missing}", "nothing is called ${missing} here", 0),
        ("a ${missing} b", "nothing is called ${missing} here", 2),
        ("${missing.id}", "nothing is called ${missing.id} here", 0),
        ("x${stranger.id}", "${stranger.id}: 'mallory' is neither a user nor a party", 1),
    ],
)
def test_names_that_the_scope_lacks(text: str, message: str, offset: int) -> None:
    with pytest.raises(TemplateError, match=f"^{re.escape(message)}$") as caught:
        render(text)
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        (
            "ab${name",
            "'${' opens a name that is never closed; write ${name}, or $${ for a literal ${",
            2,
        ),
        ("${}", "'${}' names nothing; write ${name}", 0),
        ("${a b}", "'a b' is not a name; ${...} takes a plain name, no expressions", 0),
        ("${1 + 1}", "'1 + 1' is not a name; ${...} takes a plain name, no expressions", 0),
        (
            "ok $${x} ${a.__class__}",
            "'a.__class__' is not a name; ${...} takes a plain name, no expressions",
            9,
        ),
    ],
)
def test_malformed(text: str, message: str, offset: int) -> None:
    with pytest.raises(TemplateError, match=f"^{re.escape(message)}$") as caught:
        compile_template(text)
    assert caught.value.offset == offset


def test_names_know_their_offsets() -> None:
    template = compile_template("a ${n} $${x} ${alice.id}")
    assert isinstance(template, Template)
    assert template.names == (Name("n", 2), Name("alice.id", 13))
    assert template.whole is None


def test_whole() -> None:
    template = compile_template("${n}")
    assert isinstance(template, Template)
    assert template.whole == Name("n")


def test_values_are_rendered_at_any_depth() -> None:
    value = {"a": (compile_template("${n}"), {"b": compile_template("n=${n}")}), "c": 1}
    assert render_value(value, SCOPE) == {"a": [3, {"b": "n=3"}], "c": 1}


def test_a_rendered_text_is_bounded() -> None:
    scope = {"a": "x" * 100_000}
    template = compile_template("${a}" * 1_000)
    assert isinstance(template, Template)
    with pytest.raises(TemplateError, match="longer than 1 MiB"):
        template.render(scope)


def test_a_rendered_value_is_bounded() -> None:
    scope = {"a": "x" * (MAX_RENDERED // 2)}
    template = compile_template("${a}")
    assert render_value((template,), scope) == [scope["a"]]
    with pytest.raises(TemplateError, match="larger than 1 MiB"):
        render_value((template, template, template), scope)


@given(st.text(st.sampled_from("ab${}."), max_size=12))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    found: object
    try:
        found = compile_template(text)
    except TemplateError as error:
        found = error
    match found:
        case TemplateError():
            assert text[found.offset : found.offset + 2] == "${"
        case Template():
            assert found.names
        case _:
            assert "${" not in str(found).replace("${", "", text.count("$${"))


@given(st.lists(st.one_of(st.text("a${}", max_size=4), st.builds(Name, st.just("n")))))
def test_joined_parts_render_like_the_parts(parts: list[str | Name]) -> None:
    joined = join_parts(tuple(parts))
    expected = "".join(part if isinstance(part, str) else "3" for part in parts)
    rendered = joined.render(SCOPE) if isinstance(joined, Template) else joined
    assert as_text(rendered) == expected
