"""Padding: few sizes, one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.proof.size_classes import pad, size_class, unpad
from sandbox.terms.refusal import ProofFailed


@given(st.binary(max_size=20_000))
def test_padding_comes_off_and_the_size_is_a_class(content):
    padded = pad(content)
    assert unpad(padded) == content
    assert len(padded) == size_class(len(content))
    assert len(padded) & (len(padded) - 1) == 0


@pytest.mark.parametrize(
    ("length", "padded"),
    [
        (0, 4096),
        (4088, 4096),
        (4089, 8192),
        (2**20 - 8, 2**20),
        (2**20 - 7, 2 * 2**20),
        (5 * 2**20 - 8, 5 * 2**20),
        (5 * 2**20 - 7, 6 * 2**20),
    ],
)
def test_classes(length, padded):
    assert size_class(length) == padded


def test_contents_of_one_class_look_alike_in_size():
    assert len({len(pad(b"x" * length)) for length in range(4089)}) == 1
    assert len({size_class(length) for length in range(0, 2**20 - 7, 7)}) == 9


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\0" * 8,
        pad(b"answer")[:-1],
        pad(b"answer") + b"\0",
        pad(b"answer")[:-1] + b"\1",
        (2**40).to_bytes(8, "big") + b"\0" * 4088,
        (4089).to_bytes(8, "big") + b"\0" * 4088,
        pad(b"answer").ljust(8192, b"\0"),
    ],
)
def test_anything_else_is_refused(broken):
    with pytest.raises(ProofFailed):
        unpad(broken)
