from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from stage import START, Told, new_log, read_all, script_of

# Every field of every record of the story below. It changes only when what a script publishes
# changes, which is a change that users must be told of.
DIGEST = "822ab6f2a66ab51d40ef24ef6a2f29a5f64e401cc13768d2fc61386ef872deb1"

STORY = """
name: everything
namespace: game
parent_namespace: studio
timestamps: nanoseconds
users: [alice, bob, carol, dave]
parties: {raid: [alice, bob, carol]}
variables: {who: dave, code: 4000}
corpora: {words: ["gg", "日本語 👩‍👩‍👧‍👦", "one more?"]}
blocks:
  kick:
    - disconnect: {user: "${whom}", reason: kicked, code: 4022, forced: true}
service:
  rate_limit: {messages: 4, per: 900ms}
  rate_limited: {disconnects: true}
  spam: {repeats: 3, within: 5s, mute: 2s}
  max_message_length: 50
  max_users: 60
steps:
  - connect: [alice, bob, "${who}"]
  - connect: {party: raid}
  - chat: {from: alice, to: bob, text: "hello ${bob.id} at ${now} by ${seed}"}
  - chat: {from: bob, party: raid, length: [40, 60]}
  - wait: [10ms, 3s]
  - repeat:
      each: [alice, bob, carol]
      as: someone
      every: 1123ms
      steps:
        - repeat:
            times: 5
            every: 20ms
            steps: [chat: {from: "${who}", to: "${someone}", text: "x${n}"}]
        - connect: "${who}"
  - late: {by: 90s, steps: [chat: {from: carol, party: raid, corpus: words}, wait: [1s, 2s]]}
  - duplicate: {last: 3, times: 2}
  - rate_limit: {user: bob, reason: scripted, code: 7}
  - mute: {user: bob, for: 1s}
  - unmute: bob
  - produce:
      event: userDisconnected
      user: dave
      set: {payload.userDisconnected.code: "${code}"}
      headers: {a: "${seed}"}
  - produce: {topic: chat, raw: "not an event", validate: false}
  - use: {block: kick, with: {whom: bob}}
  - parallel:
      - - choose:
            - {weight: 2.5, steps: [disconnect: alice]}
            - steps: [disconnect: carol]
        - connect: [alice, carol]
      - - crowd:
            name: poisson
            users: 40
            arrive: {poisson: 20/s}
            stay: {normal: {mean: 4s, deviation: 1s}}
            chat: {every: {exponential: 500ms}, to: random, corpus: words}
      - - crowd:
            name: friend
            users: 20
            arrive: {over: 3s}
            stay: {uniform: [1s, 5s]}
            chat: {every: {uniform: [100ms, 900ms]}, to: popular, length: [1, 20]}
      - - crowd:
            name: member
            users: 20
            arrive: {every: 50ms}
            stay: {exponential: 3s}
            chat: {every: 400ms, to: party, party_size: 4, text: "gg ${now}"}
      - - wait: 4s
        - disconnect: {user: everyone, code: 4000, forced: true}
        - crowd:
            name: friend
            users: 10
            arrive: {poisson: 50/s}
            stay: 3s
            chat: {every: 700ms, to: pairs, corpus: words}
  - expect: [count: {event: userConnected, at_least: 50}]
"""


def digest(seed: int = 7) -> str:
    """Play the story and hash all that it left on a log with several partitions."""
    told = Told(script_of(STORY), log=new_log(partitions=5), seed=seed, start=START + 123_456_789)
    told.to_the_end(budget=100)
    assert not told.run.failures.texts()
    records = read_all(told.log)
    assert len(records) > 500
    assert {record.partition for record in records} == set(range(5))
    names = {"userConnected", "userDisconnected", "personalChatSent", "userChatRateLimited"}
    assert names <= set(told.run.counts)
    assert told.run.refusals.keys() >= {"muted", "too_long"}
    hashed = hashlib.sha256()
    for record in records:
        for field in record:
            part = field if isinstance(field, bytes) else repr(field).encode()
            hashed.update(b"%d:%b," % (len(part), part))
    return hashed.hexdigest()


def test_the_same_script_seed_and_start_give_the_same_bytes() -> None:
    assert digest() == DIGEST
    assert digest(8) != DIGEST


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_the_bytes_do_not_depend_on_the_process(hash_seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import test_determinism as t; print(t.digest())"],
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "TZ": "Pacific/Chatham", "LC_ALL": "C"},
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == DIGEST
