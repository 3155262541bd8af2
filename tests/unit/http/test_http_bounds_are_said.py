"""A field that is too short, too long or of another form is refused with what it must be, and never with what it was."""

import pytest

from sandbox.faces.http.schemas import ApproveRequest, EnrolPerson, Vote, read
from sandbox.terms.refusal import MalformedRequest

CANARY = "zq"
VOTE = {"verdict": "approve", "reason": "It answers the purpose.", "digest": "0" * 64}
PERSON = {"name": "ann", "organisation": "acme", "role": "analyst"}


@pytest.mark.parametrize(
    ("model", "good", "field", "wrong", "said"),
    [
        (Vote, VOTE, "reason", CANARY, "reason is too short: at least 10 characters."),
        (Vote, VOTE, "reason", CANARY * 300, "reason is too long: at most 500 characters."),
        (EnrolPerson, PERSON, "name", f"{CANARY} !", "name is not written as it must be: up to 63 of a-z"),
        (ApproveRequest, {}, "tables", [CANARY], "tables.0 is not written as it must be: dataset.table."),
        (ApproveRequest, {}, "columns", [CANARY], "columns.0 is not written as it must be: dataset.table.column."),
        (Vote, VOTE, "digest", CANARY, "digest is not written as it must be."),
    ],
)
def test_what_a_field_must_be_is_said(model, good, field, wrong, said) -> None:
    assert read(model, good)
    with pytest.raises(MalformedRequest) as refused:
        read(model, good | {field: wrong})
    assert refused.value.detail.startswith(said.removesuffix(".")), refused.value.detail
    assert CANARY not in refused.value.detail
