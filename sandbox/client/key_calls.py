"""The signed-in person and their keys: made here, registered by their public halves."""

from base64 import b64encode
from typing import Any

from sandbox.client.calls import Calls, items
from sandbox.client.key_store import KeysElsewhere, KeyStore
from sandbox.proof.key_pairs import KeyPair, new_key_pair, prove_possession, prove_rotation
from sandbox.terms.refusal import Fault, RoleNotPermitted


class KeyCalls(Calls):
    """Private halves go to the key store and nowhere else."""

    keys: KeyStore
    _pair: KeyPair | None = None

    def me(self) -> dict[str, Any]:
        """Your name, organisation, role, identity, the ids of your registered keys, and whether you are frozen."""
        return self.transport.json("GET", "/v1/me")

    def ensure_keys(self) -> KeyPair:
        """Your keys, ready for use: kept here and registered. Makes and registers them where you have none yet.

        Raises:
            KeysElsewhere: keys of yours are registered, and their private halves are not here.
            KeyFileUnsafe: the file here can be read by others, or is broken. RoleNotPermitted: you are no analyst.
        """
        if self._pair is None:
            person, registered = self._registered()
            here = self.keys.pairs(self.pins.origin, person)
            if registered:
                self._pair = self._usable(person, registered, here)
            else:
                pair = here[-1] if here else self._new(person)
                self._register(pair)
                self._pair = pair
        return self._pair

    def rotate_keys(self) -> KeyPair:
        """Make and register new keys; the current ones sign for them. What was sealed to old keys opens with those, so
        they are kept.

        Raises:
            As `ensure_keys`.
        """
        current = self.ensure_keys()
        pair = self._new(current.person)
        self._register(pair, current)
        self._pair = pair
        return pair

    def _registered(self) -> tuple[str, list[str]]:
        me = self.me()
        if me.get("role") != "analyst":
            raise RoleNotPermitted("Only analysts hold keys: what is released is sealed to them.")
        try:
            return str(me["name"]), [str(item["id"]) for item in items(me, "keys")]
        except KeyError:
            raise Fault("The enclave's answer is not one this client understands.") from None

    def _usable(self, person: str, registered: list[str], here: tuple[KeyPair, ...]) -> KeyPair:
        """The newest pair here that is registered."""
        for pair in reversed(here):
            if pair.id in registered:
                return pair
        place = self.keys.place(self.pins.origin, person)
        raise KeysElsewhere(f"The keys registered for {person} ({', '.join(registered)}) are not in {place}.")

    def _new(self, person: str) -> KeyPair:
        # Kept before they are registered: no key is ever registered whose private half nobody has.
        pair = new_key_pair(person)
        self.keys.keep(self.pins.origin, pair)
        return pair

    def _register(self, pair: KeyPair, current: KeyPair | None = None) -> None:
        origin, public = self.pins.origin, pair.public
        body = {
            "sealing": _text(public.sealing),
            "signing": _text(public.signing),
            "proof": _text(prove_possession(pair, origin)),
        }
        if current is not None:
            body["rotation"] = _text(prove_rotation(current, public, origin))
        if self.transport.json("POST", "/v1/me/keys", body=body).get("id") != pair.id:
            raise Fault("The enclave registered other keys than those sent to it.")


def _text(content: bytes) -> str:
    return b64encode(content).decode("ascii")
