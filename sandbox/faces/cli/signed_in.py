"""The connection of the signed-in person."""

from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.client.connection import Connection, connect


@contextmanager
def signed_in() -> Iterator[Connection]:
    """Connect as `sandbox login` or SANDBOX_URL and SANDBOX_TOKEN say.

    Raises:
        SignInRequired, EnclaveUnreachable, ProofFailed (the enclave's keys are not those pinned at sign-in).
    """
    with connect() as connection:
        yield connection
