"""Noise for many groups is drawn in processes of its own: fresh in each, of the law, and never a part of what it is added to."""

import io
import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from scipy import stats

from sandbox.terms.loss import Mode
from workers import noise, noise_process
from workers.noise_pool import PART, NoiseLost, NoisePool


@pytest.fixture(scope="module")
def pool() -> Iterator[NoisePool]:
    found = NoisePool(2)
    found.start()
    yield found
    found.close()


def test_no_two_processes_draw_the_same(pool: NoisePool) -> None:
    drawn = pool.draw(Mode.ZCDP, 1e6, 6 * PART)
    parts = drawn.reshape(6, PART)
    # Of scale 10^6, two parts that shared a state would be equal; independent ones meet in a handful of places.
    for one in range(6):
        for other in range(one):
            assert (parts[one] == parts[other]).sum() < 20
    assert len(set(pool.pids)) == 2
    assert os.getpid() not in pool.pids


def test_a_restarted_process_draws_afresh() -> None:
    drawn = []
    for _ in range(2):
        fresh = NoisePool(1)
        drawn.append(fresh.draw(Mode.ZCDP, 1e6, 100))
        fresh.close()
        assert not fresh.pids
    assert (drawn[0] != drawn[1]).all()


def test_a_seeded_source_would_be_found_out() -> None:
    """Control: what the tests above look for is there where processes share a state."""
    one, other = (np.random.default_rng(1).normal(0, 1e6, PART).astype(np.int64) for _ in range(2))
    assert (one == other).all()


@pytest.mark.parametrize(("mode", "scale"), [(Mode.ZCDP, 5.0), (Mode.PURE, 5.0)])
def test_the_law_is_that_of_the_mechanism(pool: NoisePool, mode: Mode, scale: float) -> None:
    drawn = pool.draw(mode, scale, 40_000)
    values = np.arange(-40, 41)
    weights = np.exp(-(values**2) / (2 * scale**2)) if mode is Mode.ZCDP else np.exp(-np.abs(values) / scale)
    expected = weights / weights.sum()
    kept = expected * len(drawn) >= 8
    counts = np.array([(drawn == value).sum() for value in values[kept]])
    rest = len(drawn) - counts.sum()
    chances = np.append(expected[kept], 1 - expected[kept].sum())
    assert stats.chisquare(np.append(counts, rest), chances * len(drawn)).pvalue > 1e-6
    # Power: a scale that is off by 8 % is seen.
    wrong = weights ** (1 / 1.08**2 if mode is Mode.ZCDP else 1 / 1.08)
    wrong /= wrong.sum()
    chances = np.append(wrong[kept], 1 - wrong[kept].sum())
    assert stats.chisquare(np.append(counts, rest), chances * len(drawn)).pvalue < 1e-6


class _Counting:
    """A pool that says what it was told."""

    def __init__(self, noise_of: int) -> None:
        self.told: list[tuple[Mode, float, int]] = []
        self._noise = noise_of

    def draw(self, mode: Mode, scale: float, count: int) -> np.ndarray:
        self.told.append((mode, scale, count))
        return np.full(count, self._noise, np.int64)


def test_a_pool_learns_scale_and_length_only_and_the_sum_saturates() -> None:
    asked = _Counting(2**63 - 1)
    shared = noise._Shared(lambda exact: exact + 1, Mode.ZCDP, 3.0, asked)
    few = np.arange(noise.SHARED_FROM - 1)
    assert (shared(few) == few + 1).all()
    assert asked.told == []
    many = np.arange(noise.SHARED_FROM) - 4_000
    found = shared(many)
    assert asked.told == [(Mode.ZCDP, 3.0, noise.SHARED_FROM)]
    assert (found == np.minimum(many.astype(object) + 2**63 - 1, 2**63 - 1)).all()
    assert found.dtype == np.int64


def test_a_killed_process_fails_one_draw_and_is_replaced() -> None:
    pool = NoisePool(1)
    pool.draw(Mode.ZCDP, 2.0, 1)
    (before,) = pool.pids
    os.kill(before, signal.SIGSTOP)  # it cannot answer before it is killed
    os.kill(before, signal.SIGKILL)
    with suppress(NoiseLost):  # it is seen to have ended before it is asked, or while it is
        pool.draw(Mode.ZCDP, 2.0, 1)
    assert len(pool.draw(Mode.ZCDP, 2.0, 10)) == 10
    assert pool.pids != [before]
    pool.close()
    with pytest.raises((NoiseLost, RuntimeError)):
        pool.draw(Mode.ZCDP, 2.0, 1)


def test_the_end_of_its_input_ends_a_process() -> None:
    answers = io.BytesIO()
    asked = io.BytesIO(noise_process.REQUEST.pack(b"l", 4.0, 3))
    noise_process.serve(asked, answers)
    assert len(answers.getvalue()) == 24
    with pytest.raises(KeyError):
        noise_process.serve(io.BytesIO(noise_process.REQUEST.pack(b"x", 4.0, 3)), answers)
    assert noise_process.REQUEST.size == 13
