"""What surrounds the steps: header, cast, variables, corpora, and the service's settings."""

from __future__ import annotations

from script_texts import parsed

from simulator.scenario.parser.declarations import built_in_corpus
from simulator.scenario.script import Party, ServiceSettings, User
from simulator.scenario.templates import compile_template

SECOND = 1_000_000_000


def test_variables_stand_after_those_that_they_use() -> None:
    found = parsed("variables: {a: '${b} ${c}', b: ['${c}'], c: 5, d: '$${c}'}\nsteps: []")
    names = list(found.variables)
    assert names.index("c") < names.index("b") < names.index("a")
    assert found.variables["c"] == 5
    assert found.variables["d"] == "${c}"
    assert found.variables["b"] == (compile_template("${c}"),)


def test_defaults() -> None:
    found = parsed("steps: []")
    assert found.name == "x"
    assert found.file == "x.yaml"
    assert found.description == ""
    assert (found.seed, found.start) == (None, None)
    assert (found.namespace, found.parent_namespace) == ("game", None)
    assert (found.ids, found.timestamps) == ("dashed", "milliseconds")
    assert found.service == ServiceSettings()
    assert found.corpora == {name: built_in_corpus(name) for name in ("small_talk", "unicode")}


def test_header() -> None:
    found = parsed(
        "name: a story\n"
        "description: costs ${money}\n"
        "seed: 7\n"
        "start: 2026-01-31T18:00:00Z\n"
        "namespace: arena\n"
        "parent_namespace: studio\n"
        "client_id: c1\n"
        "ids: compact\n"
        "timestamps: seconds\n"
        "steps: []\n"
    )
    assert (found.name, found.description) == ("a story", "costs ${money}")
    assert (found.seed, found.start) == (7, 1_769_882_400 * SECOND)
    assert (found.namespace, found.parent_namespace) == ("arena", "studio")
    assert (found.client_id, found.ids, found.timestamps) == ("c1", "compact", "seconds")


ID = "5b0a4d1c-2f7e-4c88-9a64-0c4f4ad1b6de"
OTHER_ID = "0123456789abcdef0123456789abcdef"


def test_cast() -> None:
    found = parsed(
        f"users: {{alice: {{id: {ID}}}, bob: {{}}}}\n"
        f"parties: {{raid: [bob], guild: {{members: [alice, bob], id: {OTHER_ID}}}}}\n"
        "corpora: {banter: [gg, '${x}']}\n"
        "steps: []\n"
    )
    assert found.users == {"alice": User("alice", ID), "bob": User("bob")}
    assert found.parties == {
        "raid": Party("raid", ("bob",)),
        "guild": Party("guild", ("alice", "bob"), OTHER_ID),
    }
    assert found.corpora["banter"] == ("gg", "${x}")


def test_every_setting_of_the_service() -> None:
    found = parsed(
        "steps: []\n"
        "service:\n"
        "  rate_limit: {messages: 5, per: 2s}\n"
        "  spam: {repeats: 3, within: 6s, mute: 31s}\n"
        "  max_message_length: 2000\n"
        "  max_users: 100\n"
        "  multiple_sessions: refuse\n"
        "  rate_limited:\n"
        "    {code: 1, reason: a, forced: true, disconnects: true, disconnect_code: 2}\n"
        "  disconnected: {code: 3, reason: b}\n"
        "  target_type: {user: c, party: d}\n"
        "  target_members: others\n"
    )
    assert found.service == ServiceSettings(
        rate_limit_messages=5,
        rate_limit_window=2 * SECOND,
        spam_repeats=3,
        spam_window=6 * SECOND,
        spam_mute=31 * SECOND,
        max_message_length=2000,
        max_users=100,
        multiple_sessions="refuse",
        rate_limited_code=1,
        rate_limited_reason="a",
        rate_limited_forced=True,
        rate_limited_disconnects=True,
        rate_limited_disconnect_code=2,
        disconnect_code=3,
        disconnect_reason="b",
        target_type_user="c",
        target_type_party="d",
        target_members="others",
    )


def test_rules_of_the_service_can_be_off() -> None:
    found = parsed("service: {rate_limit: off, spam: off}\nsteps: []")
    assert found.service == ServiceSettings(rate_limit_messages=0, spam_repeats=0)


def test_built_in_corpora() -> None:
    for name in ("small_talk", "unicode"):
        texts = built_in_corpus(name)
        assert len(texts) >= 20
        assert len(set(texts)) == len(texts)
        assert all(text.strip() and len(text) <= 100 for text in texts)
    assert all(text.isascii() for text in built_in_corpus("small_talk"))
    everything = "".join(built_in_corpus("unicode"))
    for character in "\u05e9\u0645\u0301\u200d\U0001f600\u202e":
        assert character in everything


def test_a_corpus_of_the_script_goes_before_a_built_in_one() -> None:
    assert parsed("corpora: {unicode: [a]}\nsteps: []").corpora["unicode"] == ("a",)
