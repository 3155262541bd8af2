"""The OpenAPI document against a running enclave, by every role: what is answered is what is documented, and never a fault."""

import pytest
from api_enclave import walk_of
from api_walk import Walked
from figures import record_figure

from sandbox.testing import start_enclave

SOURCE = "tests/fuzz/test_api_walk.py"


def walked(visits, examples: int, number: int) -> Walked:
    with start_enclave(tick_ms=50) as running:
        walk = walk_of(running, visits, examples, number)
        found = walk.run()
        said = [line for line in running.stderr if "unhandled" in line or "Traceback" in line]
    assert not found.findings, "\n\n".join(found.findings[:5])
    assert not said, said[:3]
    calls = {operation.label for operation in walk.operations()}
    assert calls - {label for label, _ in found.done} == set(), "calls that nobody was answered with success"
    assert {200, 201, 202} == {status for _, status in found.done}
    return found


def test_every_role_gets_what_the_document_says(visits):
    walked(visits, 2, 1)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_every_role_gets_what_the_document_says_at_length(visits):
    found = walked(visits, 40, 2)
    faults = sum(count for status, count in found.statuses.items() if status >= 500)
    record_figure(
        "API walk by 6 roles, each answer as documented", found.requests, f"requests, {faults} faults", SOURCE
    )
