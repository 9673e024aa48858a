"""One real Kafka for all processes of a test run.

Whoever comes first starts a keeper, a program that runs the node. All users hold a shared lock on
a file, which the system lets go of however they end; when the keeper gets it for itself, nobody
needs the node any more.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from benchmarks.apache_kafka import ApacheKafka, fetch_jars

ROOT = Path(__file__).resolve().parents[2]

SETTINGS = {
    "group.consumer.assignment.interval.ms": "0",  # as here
    # Tests write records of years ago. 30 s after its start, and every five minutes, Kafka would
    # delete those that are older than seven days, in the midst of whatever is tested then.
    "log.initial.task.delay.ms": str(24 * 3600 * 1000),
}


@contextmanager
def shared_kafka(directory: Path) -> Iterator[str]:
    """The address of the node that the users of `directory` share; it runs as long as this."""
    with (directory / "kafka-start").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        users = _joined(directory)
        if users is None:
            fetch_jars()
            (directory / "kafka-address").unlink(missing_ok=True)
            users = (directory / "kafka-users").open("w")
            fcntl.flock(users, fcntl.LOCK_SH)
            _start(directory)
        address = (directory / "kafka-address").read_text()
        fcntl.flock(starting, fcntl.LOCK_UN)
    with users:
        yield address


def _joined(directory: Path) -> IO[str] | None:
    """The lock of a further user, where the node runs."""
    users = (directory / "kafka-users").open("w")
    try:
        fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        users.close()
        return None
    if (directory / "kafka-address").exists():
        return users
    users.close()
    return None


def _start(directory: Path) -> None:
    """Start the keeper and wait until it has told its address."""
    with (directory / "kafka-keeper.log").open("w") as log:
        keeper = subprocess.Popen(
            [sys.executable, __file__, str(directory)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    assert keeper.stdout is not None
    with keeper.stdout:
        address = keeper.stdout.readline().strip()
    if not address:
        keeper.wait()
        raise RuntimeError((directory / "kafka-keeper.log").read_text())
    (directory / "kafka-address").write_text(address)
    _keepers.append(keeper)


_keepers: list[subprocess.Popen[str]] = []  # kept, so that none is reported as left running


def _keep(directory: Path) -> None:
    """Run the node until nobody uses it."""
    with ApacheKafka(SETTINGS) as kafka, (directory / "kafka-users").open("w") as users:
        print(kafka.bootstrap_servers, flush=True)
        fcntl.flock(users, fcntl.LOCK_EX)
        (directory / "kafka-address").unlink(missing_ok=True)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
