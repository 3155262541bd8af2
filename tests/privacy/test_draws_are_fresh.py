"""Noise is drawn anew for every answer, every aggregate and every group: exact checks on few draws.

200 answers of eight counts each, one by one as the engine draws them. At b = 12 (Laplace) and σ = 10.6 (Gaussian) two honest vectors of
eight are equal with chance below 10⁻¹¹, so below 2·10⁻⁷ over all pairs; a whole vector of one value is no likelier. A fixed
seed, one draw for all groups, or one for two aggregates shows at the first look; the ε audit finds them too, by the
differences of integers that are then free of noise.

The audits take the engine's mechanisms and draw from them again and again: that an answer of `Measurer.measure` itself is made
of such draws, one for each aggregate, is shown here on 40 whole measurements.
"""

from collections.abc import Callable
from typing import Any
from unittest import mock

import audit_planted_noise as planted_noise
import numpy as np
import pytest
from audit_line import Line, ask, draws_of, integers_of
from audit_tables import BASE, OPERATORS
from test_epsilon_audit import EPSILON

from sandbox.terms.loss import Mode

ANSWERS = 200
MODES = pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    return Line(tmp_path_factory.mktemp("fresh") / "home")


def noise_of(line: Line, operator: str, mode: Mode) -> np.ndarray:
    """Noise [answer, aggregate, group]."""
    asked = ask(OPERATORS[operator].sql("ward"), mode, EPSILON[mode])
    measured = line.measure(asked, BASE)
    answers = np.asarray(draws_of(measured, ANSWERS, one_by_one=True))
    return answers.reshape(ANSWERS, *measured.exact.shape) - measured.exact


def noise_of_engine(line: Line, operator: str, mode: Mode) -> np.ndarray:
    """The same, of answers as the engine gives them."""
    asked = ask(OPERATORS[operator].sql("ward"), mode, EPSILON[mode])
    measured = [line.measure(asked, BASE) for _ in range(40)]
    return np.asarray(
        [np.asarray(integers_of(item.answer)).reshape(item.exact.shape) - item.exact for item in measured]
    )


def repeats(noise: np.ndarray) -> dict[str, int]:
    """How often a vector comes again: in another answer, over all groups of one, as another aggregate's."""
    answers, aggregates, groups = noise.shape
    flat = noise.reshape(answers, aggregates * groups)
    return {
        "answers": answers - len(np.unique(flat, axis=0)),
        "groups": int((noise == noise[:, :, :1]).all(axis=2).sum()),
        "aggregates": int((noise[:, 0] == noise[:, -1]).all(axis=1).sum()) if aggregates > 1 else 0,
    }


@MODES
@pytest.mark.parametrize("operator", ["rows", "two counts"])
def test_no_noise_is_used_twice(line: Line, operator: str, mode: Mode) -> None:
    assert repeats(noise_of(line, operator, mode)) == {"answers": 0, "groups": 0, "aggregates": 0}


@MODES
@pytest.mark.parametrize("operator", ["rows", "two counts"])
def test_the_engines_own_answers_are_made_of_such_draws(line: Line, operator: str, mode: Mode) -> None:
    noise = noise_of_engine(line, operator, mode)
    assert repeats(noise) == {"answers": 0, "groups": 0, "aggregates": 0}
    # Of 320 draws and more, the mean square is that of the stated scale: both ends are six σ off or more.
    asked = ask(OPERATORS[operator].sql("ward"), mode, EPSILON[mode])
    scale = float.fromhex(asked.spec.vectors[0].scale)
    square = scale**2 * (2 if mode is Mode.PURE else 1)
    assert 0.25 * square < float((noise.astype(float) ** 2).mean()) < 2 * square + 1


@pytest.mark.parametrize("operator", ["rows", "two counts"])
def test_control_an_engine_that_forgets_to_draw_is_found(line: Line, operator: str) -> None:
    with mock.patch("workers.noise.Mechanism.draw", lambda _, exact: exact):
        assert repeats(noise_of_engine(line, operator, Mode.PURE))["answers"] == 39


PLANTED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "seed fixed": (planted_noise.seed_fixed, "rows", "answers"),
    "noise shared by groups": (planted_noise.noise_shared_by_groups, "rows", "groups"),
    "noise shared by aggregates": (planted_noise.noise_shared_by_aggregates, "two counts", "aggregates"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_control_repeated_noise_is_found(line: Line, name: str) -> None:
    plant, operator, where = PLANTED[name]
    with plant():
        assert repeats(noise_of(line, operator, Mode.PURE))[where] >= ANSWERS - 1
