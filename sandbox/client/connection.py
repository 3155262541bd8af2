"""A connection to an enclave: the calls of the HTTP contract, by name."""

import weakref
from dataclasses import dataclass, field
from typing import Any, Self

from sandbox.client.amounts import exact_text
from sandbox.client.calls import Amount, items, segment
from sandbox.client.credentials import Pins, current
from sandbox.client.dataset_calls import DatasetCalls
from sandbox.client.grant_calls import GrantCalls
from sandbox.client.key_calls import KeyCalls
from sandbox.client.key_store import FileKeyStore, KeyStore
from sandbox.client.log_calls import LogCalls
from sandbox.client.officer_calls import OfficerCalls
from sandbox.client.query import Query
from sandbox.client.release import Release
from sandbox.client.review_calls import ReviewCalls
from sandbox.client.transport import Transport
from sandbox.terms.refusal import EnclaveNotReady, Fault, ProofFailed


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A person just enrolled. The token is shown this once, and in no representation."""

    name: str
    organisation: str
    role: str
    identity: str
    token: str = field(repr=False)


def connect(
    url: str | None = None, token: str | None = None, *, keys: KeyStore | None = None, timeout: float = 30.0
) -> "Connection":
    """Sign in and pin the enclave's keys.

    Without arguments: SANDBOX_URL and SANDBOX_TOKEN, else the sign-in that `sandbox login` saved. `keys` is where your
    private keys are kept: files that only you can read, unless given.

    Raises:
        SignInRequired: no address or token is known. EnclaveUnreachable: nothing answers there.
        ProofFailed: the enclave shows other keys than those pinned when it was first seen.
    """
    login = current(url, token)
    connection = Connection(login.url, token=login.token, pins=login.pins, keys=keys, timeout=timeout)
    connection.check_pins()
    return connection


class Connection(KeyCalls, DatasetCalls, GrantCalls, ReviewCalls, OfficerCalls, LogCalls):
    """Calls to one enclave as one person. Usable as a context manager; not for several threads at once.

    Every call raises the refusal that the enclave answers with (see `sandbox.terms.refusal`).
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        pins: Pins | None = None,
        keys: KeyStore | None = None,
        timeout: float = 30.0,
    ) -> None:
        self.url = url
        self.keys = keys if keys is not None else FileKeyStore()
        self.transport = Transport(url, token, timeout)
        self._pins = pins
        self._closer = weakref.finalize(self, self.transport.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the sockets."""
        self._closer()

    # -- the enclave ---------------------------------------------------------------------------------------------------

    def health(self) -> str:
        """What the enclave says of itself ("starting", "ready", "sealed"), or "unreachable"."""
        status, document = self.transport.probe("/v1/health")
        return "unreachable" if status == 0 else str(document.get("status", "unreachable"))

    def enclave(self) -> dict[str, Any]:
        """Name, origin, keys, network, clock and version of the enclave."""
        return self.transport.json("GET", "/v1/enclave")

    @property
    def pins(self) -> Pins:
        """The keys this connection trusts: given, or as the enclave first showed them."""
        if self._pins is None:
            self._pins = _pins(self.enclave())
        return self._pins

    def check_pins(self) -> Pins:
        """Ask the enclave for its keys and compare them with the pinned ones.

        Raises:
            ProofFailed: they differ.
        """
        shown = _pins(self.enclave())
        if self._pins is None:
            self._pins = shown
        if shown != self._pins:
            raise ProofFailed("The enclave shows other keys than those pinned when it was first seen.")
        return shown

    # -- people --------------------------------------------------------------------------------------------------------

    def enrol(self, name: str, organisation: str, role: str, identity: str = "") -> Enrolled:
        """Enrol a person (administrators). `identity` says which human it is, such as a staff number.

        Raises:
            NameTaken. RoleConflict: that human holds a role that does not go together with this one.
        """
        body = {"name": name, "organisation": organisation, "role": role}
        document = self.transport.json("POST", "/v1/people", body=body | ({"identity": identity} if identity else {}))
        try:
            parts = ("name", "organisation", "role", "identity", "token")
            return Enrolled(*(str(document[part]) for part in parts))
        except KeyError:
            raise Fault("The enclave's answer is not one this client understands.") from None

    # -- queries -------------------------------------------------------------------------------------------------------

    def query(self, sql: str, *, purpose: str, epsilon: Amount, need: str = "") -> Query:
        """A query, not yet asked. `epsilon` is exact: "0.5", Decimal, Fraction or int. `need` says in a sentence or two
        what the answer is needed for; data of some grades asks for it.

        Raises:
            TypeError: epsilon is a float. MalformedNumber: it is not a non-negative decimal.
        """
        return Query(self, sql, purpose, exact_text(epsilon), need)

    def queries(self) -> list[dict[str, Any]]:
        """Queries you may see, newest first."""
        return items(self.transport.json("GET", "/v1/queries"), "queries")

    def query_view(self, query: str, wait: int = 0) -> dict[str, Any]:
        """State, cost and receipt of one query; waits up to `wait` seconds until it is settled."""
        headers = {"Prefer": f"wait={wait}"} if wait else {}
        return self.transport.json("GET", f"/v1/queries/{segment(query)}", headers=headers, wait=wait)

    def withdraw(self, query: str) -> dict[str, Any]:
        """Withdraw a query of yours that has not left yet; its loss stays spent."""
        return self.transport.json("POST", f"/v1/queries/{segment(query)}/withdrawal", body={})

    def release(self, query: str, wait: int = 0) -> Release:
        """What left for a query: verified, then opened with your keys. Waits up to `wait` seconds until it is settled.

        Raises:
            AnswerPending, ReviewPending: not out yet. ReleaseRefused, ReleaseWithdrawn, ReleaseLapsed,
            MeasurementForfeited: it never will be; the loss stays spent. ProofFailed: it does not verify.
            KeysElsewhere: it is sealed to keys that are not here.
        """
        pins = self.pins
        headers = {"Prefer": f"wait={wait}"} if wait else {}
        document = self.transport.json("GET", f"/v1/releases/{segment(query)}", headers=headers, wait=wait)
        found = Release.open(document, pins, self.keys)
        if found.id != query:
            raise ProofFailed("The enclave answered with the release of another query.")
        return found


def _pins(document: dict[str, Any]) -> Pins:
    try:
        return Pins(str(document["origin"]), str(document["log_key"]), str(document["release_key"]))
    except KeyError:
        raise EnclaveNotReady("The enclave does not show its keys.") from None
