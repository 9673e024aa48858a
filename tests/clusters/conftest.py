from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulator import Simulator


@pytest.fixture
def cluster() -> Iterator[Simulator]:
    """A simulator stands in for the cluster: Kafka's protocol is what counts here."""
    with Simulator(grpc_port=None, kafka_validation="off") as cluster:
        yield cluster
