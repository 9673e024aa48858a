"""What `simulator record` reads from a real Apache Kafka where transactions and deletions are."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from simulator.clusters import ClusterAddress
from simulator.recording.kafka_source import KafkaSource

pytestmark = pytest.mark.timeout(600)  # the first test of a worker may have to start Kafka

PATIENCE_S = 60


class Place:
    """A topic of one test, with a record and an open transaction behind it, and one behind that."""

    def __init__(self, address: str) -> None:
        self.topic = f"r{uuid4().hex[:10]}"
        settings = {"bootstrap.servers": address, "log_level": 0}
        self.admin = AdminClient(settings)
        for made in self.admin.create_topics([NewTopic(self.topic, 1)]).values():
            made.result(PATIENCE_S)
        plain = Producer(settings)
        self.producer = Producer(settings | {"transactional.id": self.topic})
        self.producer.init_transactions(PATIENCE_S)
        self.producer.begin_transaction()
        for producer, text in ((plain, "before"), (self.producer, "within"), (plain, "behind")):
            producer.produce(self.topic, text)
            assert producer.flush(PATIENCE_S) == 0
        self.source = KafkaSource(
            ClusterAddress(address), [self.topic], latest=False, follow=False, patience_s=PATIENCE_S
        )

    def values(self, enough: int | None = None) -> list[bytes | None]:
        found: list[bytes | None] = []
        until = time.monotonic() + PATIENCE_S
        while enough is None or len(found) < enough:
            assert time.monotonic() < until
            records = self.source.poll(0.1)
            if records is None:
                break
            found.extend(record.value for record in records)
        return found


@pytest.fixture
def place(real_address: str) -> Place:
    return Place(real_address)


def test_what_an_open_transaction_holds_back_is_told(place: Place) -> None:
    with place.source as source:
        assert place.values(1) == [b"before"]
        source.patience_s = 0
        assert place.values() == []
        assert source.left_out() == [
            f"{place.topic}: not all was read of partition 0 (offsets 1 to 2): "
            "a transaction that is open there holds them back"
        ]
    place.producer.abort_transaction(PATIENCE_S)


def test_a_transaction_that_ends_meanwhile_is_waited_for(place: Place) -> None:
    with place.source as source:
        assert place.values(1) == [b"before"]
        place.producer.commit_transaction(PATIENCE_S)
        assert place.values() == [b"within", b"behind"]
        assert source.left_out() == []


def test_what_is_deleted_while_it_is_read_is_told(place: Place) -> None:
    with place.source as source:
        assert place.values(1) == [b"before"]
        for done in place.admin.delete_records([TopicPartition(place.topic, 0, 2)]).values():
            done.result(PATIENCE_S)
        place.producer.abort_transaction(PATIENCE_S)
        assert place.values() == [b"behind"]
        assert source.left_out() == [
            f"{place.topic}, partition 0: offsets 1 to 1 were deleted before they were read"
        ]
