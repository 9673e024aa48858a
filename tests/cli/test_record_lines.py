"""Records as people and as programs see them."""

from __future__ import annotations

import json

import click
import pytest
from rich.cells import cell_len

from simulator.cli import terminal
from simulator.cli.records import RecordLines, json_line
from simulator.cli.words import People, describe
from simulator.log import Record

ALICE = "5b0a4d1c-2f7e-4c88-9a64-0c4f4ad1b6de"
BOB = "0e9d7b52-6c1f-4f07-8f1e-3a5c2d4b6a79"
RAID = "c1d2e3f4-a5b6-4788-99aa-bbccddeeff00"
PEOPLE = {"alice": ALICE, "bob": BOB, "raid": RAID}

TIME = 1767297600123  # 2026-01-01T20:00:00.123Z


def event(name: str, data: object, key: str | None = None, user: str = ALICE) -> bytes:
    return json.dumps({"payload": {key or name: data}, "name": name, "userId": user}).encode()


def chat(text: object, target: str = BOB, kind: str = "user") -> bytes:
    data = {"sender_id": ALICE, "target_id": target, "payload": text, "target_type": kind}
    return event("personalChatSent", data)


def record(value: bytes | None, **changes: object) -> Record:
    plain = Record("chat", 0, 7, TIME, b"key", value, (), 0, False)
    return plain._replace(**changes)  # type: ignore[arg-type]


def words(value: bytes | None, names: dict[str, str] = PEOPLE) -> str:
    return "".join(span.text for span in describe(value, People(names)))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (event("userConnected", {}), "alice connected"),
        (
            event("userDisconnected", {"code": 1000, "reason": "normal closure", "forced": False}),
            "alice disconnected (1000 normal closure)",
        ),
        (
            event("userDisconnected", {"code": 4000, "reason": "shutdown", "forced": True}),
            "alice was disconnected (4000 shutdown)",
        ),
        (event("userDisconnected", {}), "alice disconnected"),
        (
            event(
                "userChatRateLimited",
                {"code": 20007, "reason": "too many requests"},
                key="userDisconnected",
            ),
            "alice was rate-limited (20007 too many requests)",
        ),
        (chat("hi"), "alice → bob  hi"),
        (chat("hi", target=BOB.replace("-", "").upper()), "alice → bob  hi"),
        (chat("ready?", target=RAID, kind="party"), "alice → raid  ready?"),
        (chat("\x1b[31mred"), r"alice → bob  \u001b[31mred"),
        (chat({"not": "text"}), 'alice → bob  {"not":"text"}'),
        # Not what the catalogue says: shown as it is, not dressed up.
        (event("userConnected", {}, key="connected"), 'alice  userConnected {"connected":{}}'),
        (event("userTeleported", {"to": "moon"}), 'alice  userTeleported {"to":"moon"}'),
        (b'{"any":"thing"}', '{"any":"thing"}'),
        (b"[1]", "not an event: [1]"),
        (b"not json \x1b[2J", r"not JSON: not json \u001b[2J"),
        (b"\xff\xfe", r"not JSON: \xff\xfe"),
        (b"", "not JSON: (empty)"),
        (None, "(null)"),
    ],
)
def test_what_an_event_says(value, said):
    assert words(value) == said


def test_unknown_people_are_shown_by_the_beginning_of_their_id():
    assert words(chat("hi"), {}) == "5b0a4d1c → 0e9d7b52  hi"
    assert words(chat("hi", target=RAID, kind="party"), {}) == "5b0a4d1c → party c1d2e3f4  hi"
    assert words(event("userConnected", {}, user="")) == "somebody connected"


def test_a_name_cannot_control_the_terminal():
    assert words(event("userConnected", {}), {"al\x1b[2Jice": ALICE}) == r"al\u001b[2Jice connected"


def test_each_user_keeps_one_colour():
    people = People(PEOPLE)
    alice, _, bob, _ = describe(chat("hi"), people)
    again = describe(event("userConnected", {}), people)[0]
    assert alice.style == again.style != bob.style


def lines_for_terminal(monkeypatch, width: int, **options: object) -> RecordLines:
    monkeypatch.setattr(terminal, "width", lambda: width)
    return RecordLines(People(PEOPLE), on_terminal=True, **options)  # type: ignore[arg-type]


def test_on_a_terminal_the_date_comes_once(monkeypatch):
    lines = lines_for_terminal(monkeypatch, 80)
    shown = [
        click.unstyle(lines.render(record(event("userConnected", {}), timestamp=TIME + later)))
        for later in (0, 1, 86_400_000)
    ]
    assert shown == [
        "2026-01-01\n20:00:00.123  chat@7           alice connected",
        "20:00:00.124  chat@7           alice connected",
        "2026-01-02\n20:00:00.123  chat@7           alice connected",
    ]


def test_in_a_pipe_every_line_stands_for_itself():
    lines = RecordLines(People(PEOPLE), on_terminal=False, several_partitions=["chat"])
    text = "word " * 100
    shown = click.unstyle(lines.render(record(chat(text), partition=3, unchecked=True), "a note"))
    assert shown == (
        f"2026-01-01T20:00:00.123Z  chat[3]@7        unchecked alice → bob  {text}  a note"
    )


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    "text",
    ["several words " * 30, "日本語、中文、한국어、𠮷野家" * 20, "x" * 500, "👩‍👩‍👧‍👦" * 60],
)
def test_long_texts_go_on_below_and_fit(monkeypatch, width, text):
    lines = lines_for_terminal(monkeypatch, width)
    _, *shown = click.unstyle(lines.render(record(chat(text)))).split("\n")
    assert len(shown) > 1
    assert all(cell_len(line) <= width for line in shown)
    assert {line[:31].strip() for line in shown[1:]} == {""}
    joined = "".join(line[31:] for line in shown).replace(" ", "")
    assert joined == f"alice→bob{text}".replace(" ", "")


def test_lines_can_be_bounded(monkeypatch):
    lines = lines_for_terminal(monkeypatch, 80, max_lines=2)
    _, *shown = click.unstyle(lines.render(record(chat("word " * 100)))).split("\n")
    assert len(shown) == 2
    assert shown[-1].endswith("…")


def test_a_time_beyond_the_calendar_is_shown_as_a_number():
    lines = RecordLines(People(), on_terminal=False)
    assert "99999999999999999ms" in lines.render(record(None, timestamp=99999999999999999))


def test_json_of_a_record():
    value = event("userConnected", {})
    headers = (("a", b"1"), ("a", b"\xff"), ("b", None))
    assert json.loads(json_line(record(value, headers=headers, unchecked=True))) == {
        "topic": "chat",
        "partition": 0,
        "offset": 7,
        "timestamp": TIME,
        "key": "key",
        "headers": [
            {"name": "a", "value": "1"},
            {"name": "a", "value": {"base64": "/w=="}},
            {"name": "b", "value": None},
        ],
        "unchecked": True,
        "event": json.loads(value),
    }


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (None, '"event":null}'),
        (b"not json", '"value":"not json"}'),
        (b"\xff", '"value":{"base64":"/w=="}}'),
        (b"[]", '"event":[]}'),
        # Numbers keep their digits: nothing is decoded and encoded again.
        (b'{"n":123456789012345678901234567890}', '"event":{"n":123456789012345678901234567890}}'),
        (b'{\r\n  "a": 1\n}', '"event":{    "a": 1 }}'),
        ('{\t"a":\t"\u202e"}'.encode(), '"event":{ "a": "\\u202e"}}'),
    ],
)
def test_json_of_odd_values_is_one_line(value, part):
    line = json_line(record(value, headers=()))
    assert line.endswith(part)
    assert "\n" not in line
    assert "unchecked" not in json.loads(line)


def test_json_has_the_typed_event_where_there_is_one():
    assert json.loads(json_line(record(b"{}"), {"@type": "x"}))["typed"] == {"@type": "x"}
