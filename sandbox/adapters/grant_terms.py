"""What the books refuse of a grant, said before it is written: a grant gives no more than its request asks for.

A log that states otherwise keeps the enclave sealed at its next start (`sandbox.proof.books`), so it is never written.
"""

from sandbox.terms.people import Grant, GrantRequest


def check_within(grant: Grant, asked: GrantRequest) -> None:
    """That a grant is not wider than the request it answers, nor for something else.

    Raises:
        ValueError: it is; the message names the part.
    """
    for part in ("analyst", "organisation", "purpose"):
        if getattr(grant, part) != getattr(asked, part):
            raise ValueError(f"a grant has the {part} of its request")
    for part in ("datasets", "tables", "columns", "aggregates"):
        if not set(getattr(grant, part)) <= set(getattr(asked, part)):
            raise ValueError(f"a grant names no {part} that its request does not name")
    if not 0 < grant.epsilon <= asked.epsilon:
        raise ValueError("a grant has no larger epsilon than its request")
    if asked.uses is not None and (grant.uses is None or grant.uses > asked.uses):
        raise ValueError("a grant has no more uses than its request")
    if asked.not_before is not None and grant.not_before < asked.not_before:
        raise ValueError("a grant begins no earlier than its request")
    if not grant.not_before < grant.not_after <= asked.not_after:
        raise ValueError("a grant begins before it ends, and ends no later than its request")
