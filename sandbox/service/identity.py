"""Who is asking: bearer tokens, of which only SHA-256 digests are kept."""

import hashlib
import secrets

from sandbox.service.enclave import Enclave
from sandbox.terms.people import Person
from sandbox.terms.refusal import SignInRequired

TOKEN_PREFIX = "sbx_"  # noqa: S105 - not a secret: it lets scanners recognise leaked tokens
_TOKEN_LENGTH = len(TOKEN_PREFIX) + 43  # 32 bytes in unpadded base64url


def new_token() -> str:
    """256 random bits: no dictionary reaches them, so a plain digest is enough at rest."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """What is stored. Looking a digest up takes no secret-dependent time that an attacker could steer."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def sign_in(enclave: Enclave, token: str) -> Person:
    """The person whose token this is. Raises SignInRequired, in the same words for every wrong token."""
    well_formed = len(token) == _TOKEN_LENGTH and token.startswith(TOKEN_PREFIX) and token.isascii()
    person = enclave.ledger.person_by_token(token_digest(token)) if well_formed else None
    if person is None:
        raise SignInRequired
    return person
