from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from brokers import Pair, compared
from shared_kafka import shared_kafka

from benchmarks.apache_kafka import ApacheKafka, Unavailable
from simulator import Simulator

ON_CI = os.environ.get("CI", "").lower() in {"1", "true"}


@pytest.fixture(scope="session")
def real_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Apache Kafka, one for all workers of this run."""
    directory = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        directory = directory.parent
    with skipped_without_kafka(), shared_kafka(directory) as address:
        yield address


@pytest.fixture
def deleting_address() -> Iterator[str]:
    """The address of a real Apache Kafka of one test, that looks for old records all the time."""
    settings = {"log.initial.task.delay.ms": "0", "log.retention.check.interval.ms": "100"}
    with skipped_without_kafka(), ApacheKafka(settings) as kafka:
        yield kafka.bootstrap_servers


@contextmanager
def skipped_without_kafka() -> Iterator[None]:
    try:
        yield
    except Unavailable as error:
        if ON_CI:
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def pair(real_address: str) -> Iterator[Pair]:
    with Simulator(kafka_port=0) as simulator:
        yield compared(simulator.bootstrap_servers, real_address)
