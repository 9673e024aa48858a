"""Kafka record batches: checked, stored as sent, read as records, and made of plain records."""

from __future__ import annotations

import struct

import pytest
from crc32c import crc32c
from kafka_batches import CODECS, Draft, build_batch, recompressed, records_of, split

from simulator.log import (
    CorruptBatch,
    InvalidBatch,
    OutOfOrderSequence,
    ProducerFenced,
    RecordTooLarge,
    TopicLog,
    compression,
    parse_batch,
)

DRAFTS: list[Draft] = [
    (1000, b"k1", b"v1", ()),
    (3000, None, b"v2" * 400, (("h", b"x"), ("h", None), ("ä", b""))),
    (2000, b"", None, ()),
]


@pytest.fixture
def log() -> TopicLog:
    log = TopicLog()
    log.create_topic("t")
    return log


def with_header(raw: bytes, at: int, form: str, value: int) -> bytes:
    """The batch with one field changed and its CRC right again."""
    changed = bytearray(raw)
    struct.pack_into(form, changed, at, value)
    struct.pack_into(">I", changed, 17, crc32c(bytes(changed[21:])))
    return bytes(changed)


@pytest.mark.parametrize("codec", range(5), ids=CODECS)
def test_is_read_record_by_record(log: TopicLog, codec: int) -> None:
    log.append("t", b"before", timestamp=1)
    assert log.append_batch("t", 0, parse_batch(build_batch(DRAFTS, codec=codec))) == 1
    records = log.read("t", 0, 1, max_records=10)
    assert [(r.timestamp, r.key, r.value, r.headers) for r in records] == DRAFTS
    assert [(r.offset, r.position, r.unchecked) for r in records] == [
        (1, 1, False),
        (2, 2, False),
        (3, 3, False),
    ]


@pytest.mark.parametrize("codec", range(5), ids=CODECS)
def test_times_are_found_exactly_inside_a_batch(log: TopicLog, codec: int) -> None:
    log.append_batch("t", 0, parse_batch(build_batch(DRAFTS, codec=codec)))
    found = [log.offset_for_timestamp("t", 0, time) for time in (0, 1000, 1001, 3000, 3001)]
    assert found == [0, 0, 1, 1, None]
    log.delete_records("t", 0, 2)
    assert log.offset_for_timestamp("t", 0, 2000) == 2
    assert log.offset_for_timestamp("t", 0, 2001) is None


def test_snappy_in_blocks_as_java_writes_it(log: TopicLog) -> None:
    plain = build_batch(DRAFTS)
    body = recompressed(plain, 2)[61:]
    framed = b"\x82SNAPPY\x00" + struct.pack(">iii", 1, 1, len(body)) + body
    covered = struct.pack(">h", 2) + plain[23:61] + framed
    raw = struct.pack(">qiib", 0, 49 + len(framed), -1, 2)
    raw += struct.pack(">I", crc32c(covered)) + covered
    log.append_batch("t", 0, parse_batch(raw))
    assert [r.value for r in log.read("t", 0, 0, max_records=9)] == [d[2] for d in DRAFTS]


def test_is_handed_back_as_sent_with_its_offset(log: TopicLog) -> None:
    raw = build_batch(DRAFTS, codec=3)
    log.append("t", b"before", timestamp=1)
    log.append_batch("t", 0, parse_batch(raw))
    (back,) = log.read_batches("t", 0, 2, 1)
    assert back[:8] == struct.pack(">q", 1)
    assert back[8:12] == raw[8:12]
    assert back[12:16] == struct.pack(">i", 0)
    assert back[16:] == raw[16:]


def test_plain_records_are_given_as_batches(log: TopicLog) -> None:
    for number in range(1000):
        headers = (("n", b"%d" % number), ("null", None)) if number % 7 == 0 else ()
        key = None if number % 3 else b"k%d" % number
        value = None if number == 500 else b"x" * number
        log.append("t", value, key=key, timestamp=5000 - number, headers=headers)
    stored = log.read("t", 0, 0, max_records=1000)
    for _ in range(2):  # the second time from what was kept
        found = records_of(b"".join(log.read_batches("t", 0, 0, 1 << 30)))
        assert found == [(r.offset, r.timestamp, r.key, r.value, r.headers) for r in stored]
    batches = split(b"".join(log.read_batches("t", 0, 990, 1)))
    assert [r.offset for r in records_of(batches[0])] == [990]


def test_kept_encodings_do_not_outlive_their_records(log: TopicLog) -> None:
    def fill(text: bytes) -> None:
        for _ in range(300):
            log.append("t", text, timestamp=0)

    def values() -> set[bytes | None]:
        return {r.value for r in records_of(b"".join(log.read_batches("t", 0, 0, 1 << 30)))}

    fill(b"old")
    snapshot = log.snapshot()
    assert values() == {b"old"}
    log.reset()
    log.create_topic("t")
    fill(b"new")
    assert values() == {b"new"}
    log.restore(snapshot)
    assert values() == {b"old"}


def test_the_cache_of_encodings_is_bounded(log: TopicLog) -> None:
    for number in range(4000):
        log.append("t", b"%07d" % number + b"x" * 1000, timestamp=0)
    memory = log._memory
    memory.encoded._max_bytes = 1_000_000
    assert len(records_of(b"".join(log.read_batches("t", 0, 0, 1 << 30)))) == 4000
    assert 0 < memory.encoded.bytes_held <= 1_000_000


def test_refuses_what_a_client_may_not_send() -> None:
    raw = build_batch(DRAFTS)
    flipped = raw[:-1] + bytes((raw[-1] ^ 1,))
    for bad in (flipped, raw[:8] + b"\0\0\0\x0d" + raw[12:], raw[:16] + b"\x03" + raw[17:]):
        with pytest.raises(CorruptBatch):
            parse_batch(bad)
    assert parse_batch(raw + raw[:-1]).raw == raw
    for bad, reason in (
        (raw[:-1], "not a whole record batch"),
        (raw[:16], "not a whole record batch"),
        (b"", "not a whole record batch"),
        (b"\1" + raw[1:], "base offset"),
        (raw + raw, "one record batch"),
        (raw[:16] + b"\x01" + raw[17:], "magic 1"),
        (with_header(raw, 23, ">i", 7), "last offset delta is 7"),
        (with_header(raw, 57, ">i", 0), "counts 0 records"),
        (with_header(with_header(raw, 57, ">i", 0), 23, ">i", -1), "counts 0 records"),
        (with_header(raw, 21, ">h", 0x20), "control"),
        (with_header(raw, 21, ">h", 5), "no compression 5"),
        (with_header(raw, 43, ">q", 1), "sequence -1"),
        (with_header(raw, 43, ">q", 0), "sequence -1"),
    ):
        with pytest.raises(InvalidBatch, match=reason):
            parse_batch(bad)


def test_records_that_cannot_be_decoded_do_not_stop_readers(log: TopicLog) -> None:
    raw = with_header(build_batch(DRAFTS), 21, ">h", 4)  # says zstd, and is none
    log.append_batch("t", 0, parse_batch(raw))
    log.append("t", b"after", timestamp=1)
    records = log.read("t", 0, 0, max_records=9)
    assert [(r.value, r.unchecked) for r in records] == [(None, True)] * 3 + [(b"after", False)]


def test_refuses_a_batch_that_counts_more_records_than_its_bytes_can_hold() -> None:
    """One that claimed 2^31 - 1 records once made a reader reserve that many rows."""
    for codec in range(5):
        raw = with_header(build_batch(DRAFTS, codec=codec), 57, ">i", 2**31 - 1)
        with pytest.raises(InvalidBatch, match=r"counts 2147483647 records, more than"):
            parse_batch(with_header(raw, 23, ">i", 2**31 - 2))


@pytest.mark.parametrize("codec", range(1, 5), ids=CODECS[1:])
def test_a_bomb_is_not_unpacked_beyond_the_bound(
    log: TopicLog, codec: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "MAX_DECODED_BYTES", 100_000)
    fits = build_batch([(1, None, b"\0" * 90_000, ())], codec=codec)
    bomb = build_batch([(1, None, b"\0" * 110_000, ())], codec=codec)
    log.append_batch("t", 0, parse_batch(fits))
    log.append_batch("t", 0, parse_batch(bomb))
    first, second = log.read("t", 0, 0, max_records=9)
    assert (first.value, second.value) == (b"\0" * 90_000, None)


def test_is_too_large() -> None:
    log = TopicLog(max_batch_bytes=500)
    log.create_topic("t")
    with pytest.raises(RecordTooLarge, match="max_batch_bytes allows 500"):
        log.append_batch("t", 0, parse_batch(build_batch(DRAFTS)))
    assert log.bounds("t", 0) == (0, 0)


# --- idempotent producers (KIP-98) ---------------------------------------------------------


def send(log: TopicLog, sequence: int, *, epoch: int = 0, count: int = 2, producer: int = 7) -> int:
    drafts: list[Draft] = [(0, None, b"v", ())] * count
    raw = build_batch(drafts, producer_id=producer, producer_epoch=epoch, base_sequence=sequence)
    return log.append_batch("t", 0, parse_batch(raw))


def test_a_repeated_batch_keeps_its_offset(log: TopicLog) -> None:
    assert [send(log, 2 * n) for n in range(6)] == [0, 2, 4, 6, 8, 10]
    assert [send(log, 2 * n) for n in range(1, 6)] == [2, 4, 6, 8, 10]
    assert log.bounds("t", 0) == (0, 12)
    with pytest.raises(OutOfOrderSequence):  # only the last five are known
        send(log, 0)


def test_a_gap_is_refused(log: TopicLog) -> None:
    send(log, 0)
    with pytest.raises(OutOfOrderSequence, match="sequence 4; 2 would come next"):
        send(log, 4)
    assert send(log, 2) == 2


def test_sequences_begin_again_behind_the_largest(log: TopicLog) -> None:
    assert send(log, 2**31 - 2) == 0
    assert send(log, 0) == 2


def test_a_new_epoch_begins_at_0_and_fences_the_old(log: TopicLog) -> None:
    send(log, 0)
    with pytest.raises(OutOfOrderSequence):
        send(log, 2, epoch=1)
    assert send(log, 0, epoch=1) == 2
    with pytest.raises(ProducerFenced, match="epoch 1 has written since"):
        send(log, 2, epoch=0)


def test_producers_go_on_after_a_restore(log: TopicLog) -> None:
    send(log, 0)
    snapshot = log.snapshot()
    send(log, 2)
    log.restore(snapshot)
    assert send(log, 4) == 2
