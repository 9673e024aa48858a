"""Kafka's default partitioner for records with a key.

toPositive(murmur2(key)) mod partitions, as `BuiltInPartitioner.partitionForKey` and `Utils.murmur2`
in Kafka's Java client do it, so a key lands where a Java producer would put it.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Final

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF


@lru_cache(maxsize=256)
def _words(count: int) -> Struct:
    return Struct(f"<{count}I")


def murmur2(data: bytes) -> int:
    """The 32-bit MurmurHash2 of `data` with Kafka's seed, as an unsigned number."""
    length = len(data)
    h = _SEED ^ length
    # One unpack of all whole words is the cheapest loop in Python; keys are short.
    for k in _words(length >> 2).unpack_from(data):
        k = k * _M & _MASK
        h = (h * _M ^ (k ^ k >> 24) * _M) & _MASK
    tail = length & 3
    if tail:
        h = (h ^ int.from_bytes(data[-tail:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def partition_for_key(key: bytes, partitions: int) -> int:
    """The partition, 0 to `partitions` - 1, that Kafka's default partitioner gives to `key`."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
