from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from brokers import Pair, compared
from shared_kafka import shared_kafka

from benchmarks.apache_kafka import Unavailable
from simulator import Simulator

ON_CI = os.environ.get("CI", "").lower() in {"1", "true"}


@pytest.fixture(scope="session")
def real_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Apache Kafka, one for all workers of this run."""
    directory = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        directory = directory.parent
    try:
        with shared_kafka(directory) as address:
            yield address
    except Unavailable as error:
        if ON_CI:
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def pair(real_address: str) -> Iterator[Pair]:
    with Simulator(kafka_port=0) as simulator:
        yield compared(simulator.bootstrap_servers, real_address)
