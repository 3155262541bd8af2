"""An analyst's key pairs: answers are sealed to the one, submissions are signed with the other.

The client makes them and keeps the private halves; the enclave sees the public halves and a proof that their maker holds
the signing half. Keys of a person who has some already are registered with a signature of the current ones too, so that
a stolen token alone cannot redirect answers.
"""

from dataclasses import dataclass, field

from sandbox.proof.sealing import new_sealing_key, sealing_public
from sandbox.proof.signing import SigningKey, VerifyingKey, new_seed
from sandbox.terms.canonical import canonical_bytes, digest
from sandbox.terms.people import PublicKeys

POSSESSION = b"sandbox/keys/possession/v1\n"
ROTATION = b"sandbox/keys/rotation/v1\n"
_ID_CHARACTERS = 32


def key_id(person: str, sealing: bytes, signing: bytes) -> str:
    """The name of a pair of public halves: it follows from them and from whose they are."""
    return "k_" + digest({"person": person, "sealing": sealing.hex(), "signing": signing.hex()})[:_ID_CHARACTERS]


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Both private halves (32 bytes each), which show in no representation."""

    person: str
    sealing_private: bytes = field(repr=False)
    signing_seed: bytes = field(repr=False)

    @property
    def public(self) -> PublicKeys:
        """What is registered."""
        sealing = sealing_public(self.sealing_private)
        signing = SigningKey(self.person, self.signing_seed).verifier.public
        return PublicKeys(key_id(self.person, sealing, signing), self.person, sealing, signing)

    @property
    def id(self) -> str:
        """The id of the public halves."""
        return self.public.id

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of `message`."""
        return SigningKey(self.person, self.signing_seed).sign(message)


def new_key_pair(person: str) -> KeyPair:
    """Fresh random keys."""
    return KeyPair(person, new_sealing_key(), new_seed())


def verify_by(keys: PublicKeys, message: bytes, signature: bytes) -> None:
    """Raises ProofFailed unless `signature` is these keys' over `message`."""
    VerifyingKey(keys.person, keys.signing).verify(message, signature)


def prove_possession(pair: KeyPair, origin: str) -> bytes:
    """That whoever registers these halves with the enclave `origin` holds the signing half."""
    return pair.sign(_message(POSSESSION, pair.public, origin))


def check_possession(keys: PublicKeys, origin: str, signature: bytes) -> None:
    """Raises ProofFailed."""
    verify_by(keys, _message(POSSESSION, keys, origin), signature)


def prove_rotation(current: KeyPair, new: PublicKeys, origin: str) -> bytes:
    """That the holder of the current keys wants the new ones in their place."""
    return current.sign(_message(ROTATION, new, origin))


def check_rotation(current: PublicKeys, new: PublicKeys, origin: str, signature: bytes) -> None:
    """Raises ProofFailed."""
    verify_by(current, _message(ROTATION, new, origin), signature)


def _message(context: bytes, keys: PublicKeys, origin: str) -> bytes:
    return context + canonical_bytes(
        {
            "origin": origin,
            "person": keys.person,
            "key": keys.id,
            "sealing": keys.sealing.hex(),
            "signing": keys.signing.hex(),
        }
    )
