"""The partitioner against hashes that other Kafka clients publish."""

from __future__ import annotations

import pytest

from simulator.log import TopicLog
from simulator.log.partitioner import murmur2, partition_for_key

# Kafka's own UtilsTest.testMurmur2.
KAFKA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}

# librdkafka's rdmurmur2.c (unittest), which prints them unsigned; every length of the tail.
LIBRDKAFKA = {
    b"kafka": 0xD067CF64,
    b"giberish123456789": 0x8F552B0C,
    b"1234": 0x9FC97B14,
    b"234": 0xE7C009CA,
    b"34": 0x873930DA,
    b"4": 0x5A4B5CA1,
    b"PreAmbleWillBeRemoved,ThePrePartThatIs": 0x78424F1C,
    b"reAmbleWillBeRemoved,ThePrePartThatIs": 0x4A62B377,
    b"eAmbleWillBeRemoved,ThePrePartThatIs": 0xE0E4E09E,
    b"AmbleWillBeRemoved,ThePrePartThatIs": 0x62B8B43F,
    b"": 0x106E08D9,
}

# kafkajs, src/producer/partitioners/default/murmur2.spec.js.
KAFKAJS = {
    b"0": 971027396,
    b"1": -1993445489,
    b"128": -326012175,
    b"2187": -1508407203,
    b"16384": -325739742,
    b"78125": -1654490814,
    b"279936": 1462227128,
    b"10000000": -1830336757,
    b"170859375": -1658323481,
    b"100:48069": 1009543857,
}


@pytest.mark.parametrize(
    ("key", "expected"), [*KAFKA.items(), *LIBRDKAFKA.items(), *KAFKAJS.items()]
)
def test_murmur2(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected & 0xFFFFFFFF


@pytest.mark.parametrize("partitions", [1, 2, 3, 12, 1000])
@pytest.mark.parametrize(("key", "hashed"), KAFKA.items())
def test_partition_is_the_positive_hash_modulo(key: bytes, hashed: int, partitions: int) -> None:
    # Utils.toPositive clears the sign bit; it is not the absolute value.
    assert partition_for_key(key, partitions) == (hashed & 0x7FFFFFFF) % partitions


def test_the_log_places_keyed_records_by_it() -> None:
    log = TopicLog()
    log.create_topic("chat", 12)
    for key, hashed in KAFKA.items():
        place = log.append("chat", b"", key=key, timestamp=0)
        assert place.partition == (hashed & 0x7FFFFFFF) % 12


def test_records_without_a_key_take_turns() -> None:
    log = TopicLog()
    log.create_topic("chat", 3)
    keyless = [log.append("chat", b"", timestamp=0).partition for _ in range(4)]
    log.append("chat", b"", key=b"k", timestamp=0)
    log.append("chat", b"", partition=2, timestamp=0)
    keyless.append(log.append("chat", b"", timestamp=0).partition)
    assert keyless == [0, 1, 2, 0, 1]
