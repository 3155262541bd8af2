"""Analysts register the public halves of the keys that answers are sealed to and submissions are signed with."""

from policies.roles import Action
from sandbox.proof.key_pairs import check_possession, check_rotation, key_id
from sandbox.proof.sealing import is_sealing_key
from sandbox.proof.signing import is_signing_key
from sandbox.service.access import require
from sandbox.service.audit import entry
from sandbox.service.enclave import Enclave
from sandbox.service.people_views import KeysView
from sandbox.terms.people import Person, PublicKeys
from sandbox.terms.refusal import MalformedRequest, NameTaken, ProofFailed, SignatureInvalid

KEY_BYTES = 32


def register(
    enclave: Enclave, actor: Person, sealing: bytes, signing: bytes, proof: bytes, rotation: bytes | None = None
) -> KeysView:
    """Register an X25519 and an Ed25519 public key, 32 bytes each, as the actor's current ones.

    `proof` is the new signing key's over both (proof.key_pairs.prove_possession). Where the actor has keys already,
    `rotation` is the current signing key's (prove_rotation): a stolen token alone cannot redirect answers.

    Raises:
        RoleNotPermitted, Frozen, MalformedRequest (a key of another length, or a point of small order), SignatureInvalid (a proof that does not
        hold, or none by the current keys), NameTaken (these keys are registered), AuditUnavailable.
    """
    require(enclave, actor, Action.REGISTER_KEYS)
    for field, value in (("sealing", sealing), ("signing", signing)):
        if len(value) != KEY_BYTES:
            raise MalformedRequest(f"{field} is a public key of {KEY_BYTES} bytes.", field=field)
    for field, usable in (("sealing", is_sealing_key(sealing)), ("signing", is_signing_key(signing))):
        if not usable:
            raise MalformedRequest(
                f"{field} is a point that keeps nothing secret or signed; make new keys.", field=field
            )
    keys = PublicKeys(key_id(actor.name, sealing, signing), actor.name, sealing, signing)
    with enclave.desk.lock:  # so that nobody slips in keys between the look at the current ones and the write
        registered = enclave.ledger.keys(actor.name)
        if any(known.id == keys.id for known in registered):
            raise NameTaken("These keys are registered already.")
        _check(enclave, keys, proof, rotation, registered[-1] if registered else None)
        enclave.ledger.add_keys(keys, entry(enclave, actor, "keys.registered", {}))
    return KeysView(keys)


def mine(enclave: Enclave, actor: Person) -> list[KeysView]:
    """The actor's registered keys, the current ones last."""
    require(enclave, actor, Action.REGISTER_KEYS)
    return [KeysView(keys) for keys in enclave.ledger.keys(actor.name)]


def _check(
    enclave: Enclave, keys: PublicKeys, proof: bytes, rotation: bytes | None, current: PublicKeys | None
) -> None:
    origin = enclave.settings.origin
    try:
        check_possession(keys, origin, proof)
    except ProofFailed:
        raise SignatureInvalid("proof is not signed by the new signing key.", field="proof") from None
    if current is None:
        return
    try:
        check_rotation(current, keys, origin, rotation or b"")
    except ProofFailed:
        raise SignatureInvalid(
            "You have keys already: rotation must be signed by the current signing key.", field="rotation"
        ) from None
