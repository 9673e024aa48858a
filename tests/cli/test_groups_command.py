from __future__ import annotations

import json


def test_nobody(on):
    assert on("groups").output == "no groups\n"


def test_members_offsets_and_lag(sim, on):
    sim.create_topic("notes", partitions=2)
    sim.publish("notes", b"1", partition=1)
    sim._sim.log.groups.join("g", "subscriber", [("notes", 0), ("notes", 1)])
    sim._sim.log.groups.commit("g", "notes", 1, 0)
    sim._sim.log.groups.commit("other", "notes", 0, 0)
    lines = on("groups").output.splitlines()
    assert lines == [
        "g  Stable, classic, 1 member, lag 1",
        "  subscriber of grpc: notes[0], notes[1]",
        "  notes[1] at offset 0, lag 1",
        "other  Empty, classic, 0 members, lag 0",
        "  notes[0] at offset 0, lag 0",
    ]
    assert on("groups", "other").output.splitlines() == lines[3:]


def test_json(sim, on):
    sim._sim.log.groups.commit("g", "chat", 0, 0)
    assert json.loads(on("groups", "--json").stdout) == [
        {
            "group": "g",
            "kind": "classic",
            "state": "Empty",
            "members": [],
            "offsets": [
                {"topic": "chat", "partition": 0, "offset": 0, "lag": 0, "metadata": ""},
            ],
        }
    ]


def test_a_group_that_is_not_there(on):
    result = on("groups", "nope")
    assert result.exit_code == 1
    assert "nope" in result.stderr
