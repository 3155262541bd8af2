"""Signed grants: no field can be changed, and one document has one spelling."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from sandbox.proof.signed_grant import check_grant, grant_document, read_grant, sign_grant
from sandbox.proof.signing import SigningKey
from sandbox.terms.people import Aggregate, Grant, ReviewDuty
from sandbox.terms.refusal import ProofFailed

KEY = SigningKey("enclave.test/release", b"r" * 32)
BARE = Grant(
    id="g_1",
    version=1,
    analyst="ann",
    organisation="acme",
    datasets=("clinic",),
    tables=("clinic.visits",),
    columns=("clinic.visits.age", "clinic.visits.sex"),
    aggregates=(Aggregate.COUNT, Aggregate.MEAN),
    purpose="research",
    epsilon=Fraction(5, 2),
    uses=10,
    review=ReviewDuty.PROFILE,
    not_before=datetime(2026, 3, 1, tzinfo=UTC),
    not_after=datetime(2026, 4, 1, tzinfo=UTC),
    given_by="eve",
    request="gr_1",
)
SIGNED = sign_grant(BARE, KEY)
WIDER = {
    "id": "g_2",
    "version": 2,
    "analyst": "bob",
    "organisation": "other",
    "datasets": ("clinic", "roads"),
    "tables": ("clinic.visits", "clinic.bills"),
    "columns": ("clinic.visits.age", "clinic.visits.note", "clinic.visits.sex"),
    "aggregates": (Aggregate.COUNT, Aggregate.MEAN, Aggregate.SUM),
    "purpose": "marketing",
    "epsilon": Fraction(3),
    "uses": None,
    "review": ReviewDuty.TWO,
    "not_before": BARE.not_before - timedelta(microseconds=1),
    "not_after": BARE.not_after + timedelta(microseconds=1),
    "given_by": "mallory",
    "request": "gr_2",
    "signature": "",
}


def test_a_signed_grant_holds_and_an_unsigned_one_does_not():
    check_grant(SIGNED, KEY.verifier)
    with pytest.raises(ProofFailed):
        check_grant(BARE, KEY.verifier)
    with pytest.raises(ProofFailed):
        check_grant(SIGNED, SigningKey("enclave.test/release", b"s" * 32).verifier)


def test_every_field_is_covered():
    assert set(WIDER) == {field.name for field in fields(Grant)}


@pytest.mark.parametrize("field", WIDER)
def test_no_field_can_be_changed(field):
    with pytest.raises(ProofFailed):
        check_grant(replace(SIGNED, **{field: WIDER[field]}), KEY.verifier)


def test_documents_are_read_back():
    document = grant_document(SIGNED)
    assert read_grant(document, SIGNED.signature) == SIGNED
    without_limit = sign_grant(replace(BARE, uses=None), KEY)
    assert read_grant(grant_document(without_limit), without_limit.signature) == without_limit


@pytest.mark.parametrize(
    "change",
    [
        {"format": "sandbox/grant/v0"},
        {"epsilon": "2.5"},
        {"epsilon": "5/0"},
        {"epsilon": "10/4"},
        {"aggregates": ["count", "median"]},
        {"review": "none"},
        {"not_after": "2026-04-01T00:00:00Z"},
        {"not_after": None},
        {"datasets": None},
        {"more": 1},
    ],
)
def test_other_documents_are_refused(change):
    with pytest.raises(ProofFailed):
        read_grant(grant_document(SIGNED) | change, SIGNED.signature)


@pytest.mark.parametrize("name", sorted(grant_document(BARE)))
def test_nothing_may_be_missing(name):
    document = grant_document(SIGNED)
    del document[name]
    with pytest.raises(ProofFailed):
        read_grant(document, SIGNED.signature)
