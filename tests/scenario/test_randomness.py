from __future__ import annotations

import hashlib
import random
import re
import uuid
from collections import Counter
from decimal import Decimal, localcontext

import pytest

from simulator.scenario import randomness
from simulator.scenario.distributions import sampler
from simulator.scenario.randomness import Randomness
from simulator.scenario.script import Distribution

# Of this stream's first draws, by Python 3.11 on x86-64 Linux: other machines must agree.
GOLDEN = "c732b7252a6681623a369834e7891137acf8c4d1e8083a055f2ff1faded1b407"


def some_of_everything(source: Randomness) -> list[object]:
    draws: list[object] = []
    uuids, compact, digits = source.uuids(), source.compact_uuids(), source.hex128s()
    for _ in range(2000):
        letters = list("abcdefgh")
        source.shuffle(letters)
        draws += [
            source.random().hex(),
            source.bits(77),
            source.below(10**9),
            source.between(-5, 5),
            source.choice("xyz"),
            source.weighted([1, 2.5, 0.25]),
            source.exponential(10**12),
            source.normal(10**9, 10**8),
            uuids(),
            compact(),
            digits(),
            "".join(letters),
            source.fork("child").bits(64),
        ]
    return draws


def test_the_draws_are_the_same_on_every_machine_and_python() -> None:
    digest = hashlib.sha256(repr(some_of_everything(Randomness(42))).encode()).hexdigest()
    assert digest == GOLDEN


def test_the_base_is_the_mersenne_twister_seeded_with_a_hash_of_the_seed() -> None:
    source = Randomness(7)
    twister = random.Random(int.from_bytes(hashlib.sha256(b"7").digest(), "big"))
    assert [source.bits(32) for _ in range(5)] == [twister.getrandbits(32) for _ in range(5)]
    assert source.random() == twister.random()


def test_a_number_and_its_text_are_the_same_seed_and_the_sign_counts() -> None:
    assert Randomness(7).bits(64) == Randomness("7").bits(64)
    assert len({Randomness(seed).bits(64) for seed in (1, -1, 0, 2**70)}) == 4


def test_a_fork_depends_on_seed_and_label_but_not_on_what_was_drawn() -> None:
    one, other = Randomness(1), Randomness(1)
    other.bits(1000)
    assert one.fork("a").bits(64) == other.fork("a").bits(64)
    streams = [one, one.fork("a"), one.fork("b"), one.fork("a").fork("b"), one.fork("a/b")]
    streams += [Randomness(2).fork("a"), Randomness("1/a"), Randomness("11").fork("/a")]
    assert len({stream.bits(64) for stream in streams}) == len(streams)


@pytest.mark.parametrize("bound", [1, 2, 3, 7, 8, 1000])
def test_below_is_uniform(bound: int) -> None:
    source = Randomness("below")
    draws = 20_000
    counts = Counter(source.below(bound) for _ in range(draws))
    assert set(counts) <= set(range(bound))
    expected = draws / bound
    chi_square = sum((counts[value] - expected) ** 2 / expected for value in range(bound))
    # Mean bound - 1, variance 2 (bound - 1): five deviations are far out.
    assert chi_square <= bound - 1 + 5 * (2 * bound) ** 0.5


def test_below_and_between_reach_both_ends_and_refuse_an_empty_range() -> None:
    source = Randomness(0)
    assert {source.between(3, 5) for _ in range(100)} == {3, 4, 5}
    assert source.between(9, 9) == 9
    for bound in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            source.below(bound)


def test_weights_are_proportions_and_zero_is_never_drawn() -> None:
    source = Randomness("weights")
    counts = Counter(source.weighted([0, 1, 3, 0]) for _ in range(20_000))
    assert set(counts) == {1, 2}
    assert counts[2] / counts[1] == pytest.approx(3, rel=0.05)
    for weights in ([], [0, 0]):
        with pytest.raises(ValueError, match="positive weight"):
            source.weighted(weights)


def test_every_order_of_a_shuffle_is_equally_likely() -> None:
    source = Randomness("shuffle")
    counts: Counter[str] = Counter()
    for _ in range(12_000):
        letters = list("abc")
        source.shuffle(letters)
        counts["".join(letters)] += 1
    assert len(counts) == 6
    assert all(count == pytest.approx(2_000, rel=0.1) for count in counts.values())


def test_the_table_of_algorithm_s_is_the_sum_of_ln2_to_the_i_over_i_factorial() -> None:
    with localcontext() as context:
        context.prec = 60
        ln2 = Decimal(2).ln()
        assert float(ln2) == randomness._LN2
        total, term = Decimal(0), Decimal(1)
        for index, entry in enumerate(randomness._Q, start=1):
            term = term * ln2 / index
            total += term
            assert float(total) == entry
    assert randomness._Q[-1] == 1.0  # every draw below 1 finds an entry


def test_exponential_draws_have_mean_variance_and_tail_of_the_distribution() -> None:
    source = Randomness("exponential")
    mean, draws = 1_000_000, 100_000
    values = [source.exponential(mean) for _ in range(draws)]
    average = sum(values) / draws
    variance = sum((value - average) ** 2 for value in values) / draws
    assert min(values) >= 0
    assert average == pytest.approx(mean, rel=0.015)  # deviation of the mean: 0.3 %
    assert variance == pytest.approx(mean**2, rel=0.05)
    # P(X > k mean) = e^-k
    for k, share in ((0.5, 0.60653), (1, 0.36788), (2, 0.13534), (4, 0.01832)):
        assert sum(value > k * mean for value in values) / draws == pytest.approx(share, rel=0.06)


def test_normal_draws_have_mean_and_deviation() -> None:
    source = Randomness("normal")
    draws = 50_000
    values = [source.normal(1_000_000, 100_000) for _ in range(draws)]
    average = sum(values) / draws
    variance = sum((value - average) ** 2 for value in values) / draws
    assert average == pytest.approx(1_000_000, abs=2_000)
    assert variance**0.5 == pytest.approx(100_000, rel=0.02)
    # 68.27 % within one deviation, 95.45 % within two.
    for deviations, share in ((1, 0.6827), (2, 0.9545)):
        within = sum(abs(value - 1_000_000) <= deviations * 100_000 for value in values) / draws
        assert within == pytest.approx(share, abs=0.01)


def test_uuids_are_version_4_in_either_form() -> None:
    source = Randomness("uuid")
    draw, draw_compact, draw_digits = source.uuids(), source.compact_uuids(), source.hex128s()
    texts = [draw() for _ in range(1000)]
    compact = [draw_compact() for _ in range(1000)]
    digits = [draw_digits() for _ in range(1000)]
    assert len({*texts, *compact}) == 2000
    for text in texts:
        assert str(uuid.UUID(text)) == text
    for text in compact:
        assert uuid.UUID(text).hex == text
    parsed = [uuid.UUID(text) for text in (*texts, *compact)]
    assert {(one.version, one.variant) for one in parsed} == {(4, uuid.RFC_4122)}
    # Every other bit takes both values.
    marks = 0xF << 76 | 0x3 << 62
    every = (1 << 128) - 1
    ones = zeros = 0
    for one in parsed:
        ones |= one.int
        zeros |= ~one.int
    assert ones & ~marks == zeros & every & ~marks == every & ~marks
    assert len(set(digits)) == 1000
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in digits)


@pytest.mark.parametrize(
    ("distribution", "low", "high", "mean"),
    [
        (Distribution("constant", mean=50), 50, 50, 50),
        (Distribution("uniform", low=10, high=20), 10, 20, 15),
        (Distribution("exponential", mean=1000), 0, 20_000, 1000),
        (Distribution("normal", mean=1000, deviation=100), 400, 1600, 1000),
    ],
)
def test_distributions_draw_durations(
    distribution: Distribution, low: int, high: int, mean: float
) -> None:
    draw = sampler(distribution, Randomness("distribution"))
    values = [draw() for _ in range(20_000)]
    assert low <= min(values) <= max(values) <= high
    assert sum(values) / len(values) == pytest.approx(mean, rel=0.03)


def test_a_normal_distribution_of_durations_is_cut_off_at_nothing() -> None:
    draw = sampler(Distribution("normal", mean=10, deviation=100), Randomness(1))
    values = [draw() for _ in range(1000)]
    assert min(values) == 0
    assert max(values) > 100
