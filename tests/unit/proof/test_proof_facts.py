"""Strict reading of facts: each reader takes its own shape and names everything else."""

from fractions import Fraction

import pytest

from sandbox.proof.facts import Facts
from sandbox.terms.loss import Loss, Mode
from sandbox.terms.refusal import ProofFailed

LOSS = {"mode": "zcdp", "units": "7", "delta": "0"}
DIGEST = "ab" * 32


def facts(**values) -> Facts:
    return Facts(4, "query.reserved", "2026-03-01T00:00:00.000000Z", "ann", values)


def test_each_reader_takes_its_shape():
    given = facts(
        name="x",
        number=3,
        digest=DIGEST,
        listed=["b", "a"],
        half="1/2",
        none=None,
        octets="AAAA",
        inside={"y": "z"},
        loss=LOSS,
    )
    assert given.text("name") == given.one_of("name", ("x", "y")) == "x"
    assert given.number("number", 3) == 3
    assert given.digest("digest") == DIGEST
    assert given.texts("listed") == {"a", "b"}
    assert given.fraction("half") == Fraction(1, 2)
    assert given.octets("octets", 3) == bytes(3)
    assert given.loss("loss") == Loss(Mode.ZCDP, 7)
    assert given.inner("inside").text("y") == "z"
    assert given.inner("inside").actor == "ann"
    assert given.maybe("none") is None
    assert given.absent("none")
    assert not given.absent("missing")


@pytest.mark.parametrize(
    ("read", "values"),
    [
        ("text", [..., "", 1, None, ["x"]]),
        ("number", [..., "1", True, 1.0, None, -1]),
        ("digest", [..., "", DIGEST[:-1], DIGEST.upper(), DIGEST + "\n"]),
        ("texts", [..., "x", [1], [""], ["x", "x"], None, {"x": 1}]),
        ("fraction", [..., 1, "", "1.5", "2/4", "-1", "1/0", "01", "1/", "½", "1e3", "4/2", "9" * 99, " 1"]),
        ("time", [..., "soon", "2026-02-01T00:00:00", 7]),
        ("inner", [..., None, [], "x"]),
        ("maybe", [..., [], "x"]),
        ("loss", [..., {}, LOSS | {"units": 1}, LOSS | {"units": "-1"}, LOSS | {"units": "01"}]),
        (
            "loss",
            [LOSS | {"units": "１"}, LOSS | {"units": "9" * 26}, LOSS | {"mode": "renyi"}, LOSS | {"mode": ["zcdp"]}],
        ),
    ],
)
def test_every_other_shape_is_named_with_its_entry(read, values):
    for value in values:
        given = facts(**({} if value is ... else {"thing": value}))
        with pytest.raises(ProofFailed, match=r"Entry 4 \(query.reserved\) .*thing") as caught:
            getattr(given, read)("thing")
        assert caught.value.facts == {"entry": 4}


@pytest.mark.parametrize("text", [1, "", "AAA", "AAAAAA==", "AA-A", "AAAA\n"])
def test_octets_are_of_one_length_in_one_spelling(text):
    with pytest.raises(ProofFailed, match="octets"):
        facts(octets=text).octets("octets", 3)


def test_a_word_is_of_its_closed_set():
    for word in ("c", "A", "", 1):
        with pytest.raises(ProofFailed):
            facts(word=word).one_of("word", ("a", "b"))


def test_times_may_leave_their_fraction_out():
    assert facts(at="2026-02-01T00:00:00Z").time("at") == facts(at="2026-02-01T00:00:00.000000Z").time("at")
