"""What a command acts with: the connection of the signed-in person, and public keys that were typed."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from sandbox.client.connection import Connection, connect
from sandbox.proof.signing import VerifyingKey
from sandbox.terms.refusal import ProofFailed


@contextmanager
def signed_in() -> Iterator[Connection]:
    """Connect as `sandbox login` or SANDBOX_URL and SANDBOX_TOKEN say.

    Raises:
        SignInRequired, EnclaveUnreachable, ProofFailed (the enclave's keys are not those pinned at sign-in).
    """
    with connect() as connection:
        yield connection


def check_vkey(option: str, text: str) -> VerifyingKey:
    """A key as it was typed: a slip in it is a slip, and says nothing against what was to be verified.

    Raises:
        UsageError: it is not one.
    """
    try:
        return VerifyingKey.parse(text)
    except ProofFailed as error:
        raise click.UsageError(f"{option}: {error.detail} The enclave's public.json has its keys.") from None
