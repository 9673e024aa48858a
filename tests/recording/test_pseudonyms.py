"""What replaces ids and texts: the same for the same, of the same look, and nothing of the old."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.catalog import Catalog
from simulator.log import Record
from simulator.recording import Pseudonyms

KEY = b"a key"
ALICE = "5b0a4d1c-2f7e-4c88-9a64-0c4f4ad1b6de"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.builtin()


@pytest.fixture(scope="module")
def pseudonyms(catalog: Catalog) -> Pseudonyms:
    return Pseudonyms(KEY, catalog)


def record(value: Any, topic: str = "personalChat", **changes: Any) -> Record:
    text = value if value is None or isinstance(value, bytes) else orjson.dumps(value)
    made = Record(topic, 0, 0, 1_767_225_600_000, None, text, (), 0, unchecked=False)
    return made._replace(**changes)


def event(**changes: Any) -> dict[str, Any]:
    sent = {"sender_id": ALICE, "payload": "see you at 8, Bob!", "target_type": "user"}
    return {
        "payload": {"personalChatSent": sent},
        "id": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "version": 1,
        "name": "personalChatSent",
        "namespace": "game",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "userId": ALICE,
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        **changes,
    }


def replaced(pseudonyms: Pseudonyms, value: Any, topic: str = "personalChat") -> Any:
    return orjson.loads(pseudonyms.record(record(value, topic)).value or b"")


# --- one text ------------------------------------------------------------------------------


@given(st.uuids())
def test_uuids_stay_uuids_however_they_are_written(pseudonyms: Pseudonyms, known: UUID) -> None:
    text = pseudonyms.text(str(known))
    found = UUID(text)
    assert str(found) == text
    assert (found.version, found.variant) == (known.version, known.variant)
    assert (found == known) == (known.int == 0)
    assert pseudonyms.text(known.hex) == found.hex
    assert pseudonyms.text(str(known).upper()).lower() == text
    assert pseudonyms.text(f"about {known}!").endswith(f" {text}!")


@given(st.from_regex(r"\A[0-9a-f]{8,64}\Z").filter(lambda text: not text.isdecimal()))
def test_hex_stays_hex_of_its_length(pseudonyms: Pseudonyms, text: str) -> None:
    found = pseudonyms.text(text)
    assert len(found) == len(text)
    assert found != text
    if not text.isalpha() or len(text) >= 16:
        assert re.fullmatch("[0-9a-f]+", found)


@given(st.text())
def test_texts_keep_length_script_case_and_the_rest(pseudonyms: Pseudonyms, text: str) -> None:
    found = pseudonyms.text(text)
    assert len(found) == len(text)
    assert found == pseudonyms.text(text)
    for old, new in zip(text, found, strict=True):
        if old.isalpha() and not re.search("[0-9a-fA-F]{8}", text):
            assert unicodedata.category(new) == unicodedata.category(old)
            assert unicodedata.name(new, "").split()[:1] == unicodedata.name(old, "").split()[:1]
        elif unicodedata.category(old)[0] in "ZPC":
            assert new == old
    assert len(found.encode("utf-8", "replace")) == len(text.encode("utf-8", "replace"))


@pytest.mark.parametrize(
    ("text", "look"),
    [
        ("Hello, World 42!", r"[A-Z][a-z]{4}, [A-Z][a-z]{4} \d\d!"),
        ("alice@example.org", r"[a-z]{5}@[a-z]{7}\.[a-z]{3}"),
        ("https://example.org/me", r"https://[a-z]{7}\.[a-z]{3}/[a-z]{2}"),
        ("Привет", r"[\u0400-\u047f]{6}"),
        ("日本語", r"[\u3400-\u9fff\uf900-\ufaff]{3}"),
        ("한국어", r"[\uac00-\ud7a3]{3}"),
        ("🎉😀", r"[\U0001f300-\U0001faff]{2}"),
        ("76561198000000000", r"\d{17}"),
        ("80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1", r"[0-9a-f]{32}-[0-9a-f]{16}-1"),
    ],
)
def test_what_looks_come_of_what(pseudonyms: Pseudonyms, text: str, look: str) -> None:
    found = pseudonyms.text(text)
    assert re.fullmatch(look, found), found
    assert found != text


@pytest.mark.parametrize("text", ["192.0.2.17", "2001:db8::8a2e:370:7334"])
def test_addresses_stay_addresses(pseudonyms: Pseudonyms, text: str) -> None:
    found = pseudonyms.text(text)
    assert found != text
    assert len(found) == len(text)
    assert ip_address(found).version == ip_address(text).version


@given(st.dates(min_value=date(1900, 1, 1)))
def test_dates_stay_dates(pseudonyms: Pseudonyms, day: date) -> None:
    found = pseudonyms.text(day.isoformat())
    assert date.fromisoformat(found) != day


def test_parts_of_a_trace_have_the_replacements_of_the_whole(pseudonyms: Pseudonyms) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    header = pseudonyms.text(f"00-{trace}-00f067aa0ba902b7-01")
    assert header.split("-")[::3] == ["00", "01"]
    assert header.split("-")[1] == pseudonyms.text(trace)


def test_another_key_gives_other_replacements(pseudonyms: Pseudonyms, catalog: Catalog) -> None:
    other = Pseudonyms(b"another key", catalog)
    for text in (ALICE, "a longer text of words"):
        assert pseudonyms.text(text) == Pseudonyms(KEY, catalog).text(text) != other.text(text)


# --- whole records -------------------------------------------------------------------------


def test_an_event_stays_one_without_the_people_in_it(pseudonyms: Pseudonyms) -> None:
    found = replaced(pseudonyms, event())
    sent = found["payload"]["personalChatSent"]
    assert found["userId"] == sent["sender_id"] == pseudonyms.text(ALICE) != ALICE
    assert re.fullmatch(r"[a-z]{3} [a-z]{3} [a-z]{2} \d, [A-Z][a-z]{2}!", sent["payload"])
    kept = ("name", "namespace", "version", "timestamp")
    assert [found[field] for field in kept] == [event()[field] for field in kept]
    assert sent["target_type"] == "user"
    assert list(found) == list(event())


def test_a_key_that_is_the_id_stays_that(pseudonyms: Pseudonyms) -> None:
    made = pseudonyms.record(record(event(), key=event()["id"].encode()))
    assert made.key is not None
    assert made.key.decode() == orjson.loads(made.value or b"")["id"] != event()["id"]


def test_what_is_no_event_has_no_envelope(pseudonyms: Pseudonyms) -> None:
    found = replaced(pseudonyms, {"name": "Alice", "namespace": "Bobs"}, "orders")
    assert found["name"] != "Alice"
    assert found["namespace"] != "Bobs"


def test_ids_that_are_numbers_and_names_of_fields(pseudonyms: Pseudonyms) -> None:
    found = replaced(pseudonyms, {"steamId": 76561198000000000, "level": 12, "by": {ALICE: 3}}, "x")
    assert found["level"] == 12
    assert found["steamId"] != 76561198000000000
    assert len(str(found["steamId"])) == 17
    assert found["by"] == {pseudonyms.text(ALICE): 3}


def test_headers_and_bytes(pseudonyms: Pseudonyms) -> None:
    headers = (("user", ALICE.encode()), ("content-type", b"application/json"), ("none", None))
    made = pseudonyms.record(record(b"\xff\x00\x01\xfe", headers=headers, key=b"\xff\xfe"))
    assert made.headers == (("user", pseudonyms.text(ALICE).encode()), *headers[1:])
    assert made.value is not None
    assert len(made.value) == 4
    assert made.value != b"\xff\x00\x01\xfe"
    assert made.key != b"\xff\xfe"
    assert pseudonyms.record(record(None)).value is None


def test_what_may_be_kept(catalog: Catalog) -> None:
    same_ids = replaced(Pseudonyms(KEY, catalog, keep_ids=True), event())
    assert same_ids["userId"] == ALICE
    assert "Bob" not in str(same_ids)
    same_texts = replaced(Pseudonyms(KEY, catalog, keep_texts=True), event())
    assert same_texts["payload"]["personalChatSent"]["payload"] == "see you at 8, Bob!"
    assert ALICE not in str(same_texts)
    path = "payload.*.payload"
    assert "Bob!" in str(replaced(Pseudonyms(KEY, catalog, keep=[path]), event()))


def test_times_that_are_not_of_the_event_are_replaced(pseudonyms: Pseudonyms) -> None:
    born, now = "1985-10-26T01:21:00Z", "2026-01-01T00:00:03Z"
    found = replaced(pseudonyms, {"born": born, "seen": now, "timestamp": born}, "people")
    assert found["seen"] == now
    assert found["timestamp"] == born  # the time of the event itself
    assert found["born"] != born
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["born"])


WORDS = st.text(st.characters(categories=["L"]), min_size=12, max_size=40)
VALUES = st.recursive(
    st.uuids().map(str) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.just("field"), inner),
    max_leaves=8,
)


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    return [value] if isinstance(value, str) else [leaf for part in value for leaf in leaves(part)]


@given(VALUES)
def test_no_value_is_left(pseudonyms: Pseudonyms, value: Any) -> None:
    found = replaced(pseudonyms, {"payload": {"x": value}, "name": "x"}, "any")
    before, after = leaves(value), leaves(found["payload"]["x"])
    text = orjson.dumps(found).decode()
    for old, new in zip(before, after, strict=True):
        replaceable = not set(old) <= {"0", "-"} and any(map(_has_others, old))
        assert not replaceable or orjson.dumps(old).decode() not in text
        assert pseudonyms.text(old) == new


def _has_others(letter: str) -> bool:
    return letter.isascii() or unicodedata.name(letter, "").startswith(("CJK", "HANGUL", "LATIN"))
