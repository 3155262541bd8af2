"""A connection to an enclave: the calls of the HTTP contract, by name."""

import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from sandbox.client.amounts import exact_text
from sandbox.client.credentials import Pins, current
from sandbox.client.query import Query
from sandbox.client.receipts import check_entry, check_receipt, open_note
from sandbox.client.release import Release
from sandbox.client.transport import Transport
from sandbox.proof.checkpoint import Checkpoint
from sandbox.proof.merkle import verify_consistency
from sandbox.terms.refusal import EnclaveNotReady, Fault, ProofFailed, from_problem

Amount = str | Decimal | Fraction | int
Progress = Callable[[str, int, int], None]
"""Told phase, done, total."""

_POLL_SECONDS = (0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A person just enrolled. The token is shown this once, and in no representation."""

    name: str
    organisation: str
    role: str
    token: str = field(repr=False)


def connect(url: str | None = None, token: str | None = None, *, timeout: float = 30.0) -> "Connection":
    """Sign in and pin the enclave's keys.

    Without arguments: SANDBOX_URL and SANDBOX_TOKEN, else the sign-in that `sandbox login` saved.

    Raises:
        SignInRequired: no address or token is known. EnclaveUnreachable: nothing answers there.
        ProofFailed: the enclave shows other keys than those pinned when it was first seen.
    """
    login = current(url, token)
    connection = Connection(login.url, token=login.token, pins=login.pins, timeout=timeout)
    connection.check_pins()
    return connection


class Connection:
    """Calls to one enclave as one person. Usable as a context manager; not for several threads at once.

    Every call raises the refusal that the enclave answers with (see `sandbox.terms.refusal`).
    """

    def __init__(self, url: str, token: str | None = None, *, pins: Pins | None = None, timeout: float = 30.0) -> None:
        self.url = url
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

    def me(self) -> dict[str, Any]:
        """Your name, organisation and role."""
        return self.transport.json("GET", "/v1/me")

    def enrol(self, name: str, organisation: str, role: str) -> Enrolled:
        """Enrol a person (administrators)."""
        body = {"name": name, "organisation": organisation, "role": role}
        document = self.transport.json("POST", "/v1/people", body=body)
        try:
            return Enrolled(*(str(document[part]) for part in ("name", "organisation", "role", "token")))
        except KeyError:
            raise Fault("The enclave's answer is not one this client understands.") from None

    # -- datasets ------------------------------------------------------------------------------------------------------

    def datasets(self) -> list[dict[str, Any]]:
        """The datasets you may know of."""
        return _items(self.transport.json("GET", "/v1/datasets"), "datasets")

    def dataset(self, name: str) -> dict[str, Any]:
        """Tables, columns and bounds of one dataset; never a row."""
        return self.transport.json("GET", f"/v1/datasets/{_segment(name)}")

    def register(self, text: str, file: str = "description.toml") -> dict[str, Any]:
        """Register a dataset by the TOML text of its description (stewards). `file` names it in messages."""
        return self.transport.json("POST", "/v1/datasets", body={"description": text, "file": file})

    def begin_load(self, name: str, files: Mapping[str, str]) -> dict[str, Any]:
        """Start to load a new version from files of the inbox: table → bare file name (stewards)."""
        return self.transport.json("POST", f"/v1/datasets/{_segment(name)}/versions", body={"files": dict(files)})

    def load_status(self, load: str) -> dict[str, Any]:
        """State, phase, done, total of a load."""
        return self.transport.json("GET", f"/v1/loads/{_segment(load)}")

    def load(self, name: str, files: Mapping[str, str], progress: Progress | None = None) -> dict[str, Any]:
        """Load a new version and wait until it is current; gives the version (dataset, number, manifest).

        Raises:
            FileNotUsable: nothing of the files was loaded. Fault: the enclave failed.
        """
        view = self.begin_load(name, files)
        tries = 0
        while view.get("state") == "running":
            time.sleep(_POLL_SECONDS[min(tries, len(_POLL_SECONDS) - 1)])
            tries += 1
            view = self.load_status(str(view["id"]))
            if progress is not None:
                progress(str(view.get("phase") or ""), int(view.get("done") or 0), int(view.get("total") or 0))
        version = view.get("version")
        if view.get("state") == "done" and isinstance(version, dict):
            return version
        problem = view.get("problem")
        raise from_problem(problem) if isinstance(problem, dict) else Fault()

    # -- grants and accounts -------------------------------------------------------------------------------------------

    def grants(self) -> list[dict[str, Any]]:
        """The grants you may see."""
        return _items(self.transport.json("GET", "/v1/grants"), "grants")

    def give_grant(
        self,
        analyst: str,
        datasets: Sequence[str],
        purpose: str,
        epsilon: Amount,
        not_after: datetime | str,
        not_before: datetime | str | None = None,
    ) -> dict[str, Any]:
        """Give a grant (stewards). Times are aware, or RFC 3339 text; `not_after` is exclusive."""
        body: dict[str, Any] = {
            "analyst": analyst,
            "datasets": list(datasets),
            "purpose": purpose,
            "epsilon": exact_text(epsilon),
            "not_after": _moment(not_after),
        }
        if not_before is not None:
            body["not_before"] = _moment(not_before)
        return self.transport.json("POST", "/v1/grants", body=body)

    def accounts(self) -> list[dict[str, Any]]:
        """Your accounts: limit, spent, left."""
        return _items(self.transport.json("GET", "/v1/accounts"), "accounts")

    # -- queries -------------------------------------------------------------------------------------------------------

    def query(self, sql: str, *, purpose: str, epsilon: Amount) -> Query:
        """A query, not yet asked. `epsilon` is exact: "0.5", Decimal, Fraction or int.

        Raises:
            TypeError: epsilon is a float. MalformedNumber: it is not a non-negative decimal.
        """
        return Query(self, sql, purpose, exact_text(epsilon))

    def queries(self) -> list[dict[str, Any]]:
        """Queries you may see, newest first."""
        return _items(self.transport.json("GET", "/v1/queries"), "queries")

    def query_view(self, query: str, wait: int = 0) -> dict[str, Any]:
        """State, cost and receipt of one query; waits up to `wait` seconds until it is settled."""
        headers = {"Prefer": f"wait={wait}"} if wait else {}
        return self.transport.json("GET", f"/v1/queries/{_segment(query)}", headers=headers, wait=wait)

    def release(self, query: str) -> Release:
        """What left for a query.

        Raises:
            AnswerPending: not out yet. MeasurementForfeited: it never will be; the loss stays spent.
        """
        pins = self.pins
        found = Release.from_json(self.transport.json("GET", f"/v1/releases/{_segment(query)}"), pins)
        if found.id != query:
            raise Fault("The enclave answered with the release of another query.")
        return found

    # -- the log -------------------------------------------------------------------------------------------------------

    def checkpoint(self) -> Checkpoint:
        """The newest checkpoint, verified under the pinned key."""
        return open_note(self.transport.text("/v1/log/checkpoint"), self.pins)

    def inclusion(self, index: int) -> dict[str, Any]:
        """The verified receipt of one log entry: index, leaf, checkpoint, proof.

        Raises:
            ProofFailed: it does not hold.
        """
        receipt = self.transport.json("GET", f"/v1/log/proof/inclusion/{int(index)}")
        check_receipt(receipt, self.pins)
        if receipt.get("index") != index:
            raise ProofFailed("The receipt is of another entry.")
        return receipt

    def consistency(self, old: Checkpoint, new: Checkpoint | None = None) -> Checkpoint:
        """Check that the log only grew from `old` to `new` (the newest where left out); gives `new`.

        Raises:
            ProofFailed: it did not.
        """
        new = new or self.checkpoint()
        document = self.transport.json("GET", "/v1/log/proof/consistency", params={"old": old.size, "new": new.size})
        try:
            proof = [bytes.fromhex(item) for item in document["proof"]]
        except (KeyError, TypeError, ValueError):
            raise ProofFailed("The proof is not of the form a proof has.") from None
        verify_consistency(old.size, old.root, new.size, new.root, proof)
        return new

    def search_log(
        self,
        *,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        before: int | None = None,
        limit: int | None = None,
        **words: str | None,
    ) -> dict[str, Any]:
        """A page of log entries, newest first (officers): `entries`, and as `next` the `before` of the page after it.

        `words`: actor, organisation, dataset, purpose, decision, kind, text (a query's exact text) or text_tag. Every
        search is an entry of the log.
        """
        asked: dict[str, str | int | None] = {**words, "before": before, "limit": limit}
        asked |= {name: None if at is None else _moment(at) for name, at in (("since", since), ("until", until))}
        body = {name: value for name, value in asked.items() if value is not None}
        document = self.transport.json("POST", "/v1/log/search", body=body)
        _items(document, "entries")
        return document

    def log_entry(self, index: int) -> dict[str, Any]:
        """One log entry (officers), verified: `entry` (kind, at, actor, facts) and its `receipt`.

        Raises:
            ProofFailed: the log does not hold it there.
        """
        return self._entry(self.transport.json("GET", f"/v1/log/entries/{int(index)}"), index)

    def open_entry(self, index: int, reason: str) -> dict[str, Any]:
        """The request sealed in a log entry (officers): as `log_entry`, with `request`, and `opened`, the entry that keeps
        who opened it and why. `reason` takes 10 to 500 printable characters.

        Raises:
            ProofFailed: the log does not hold the entry, or not that it was opened.
        """
        document = self.transport.json("POST", f"/v1/log/entries/{int(index)}/open", body={"reason": reason})
        try:
            found = self._entry(document["entry"], index) | {"request": dict(document["request"])}
            opened = self._entry(document["opened"], document["opened"]["index"])
        except (KeyError, TypeError, ValueError):
            raise Fault("The enclave's answer is not one this client understands.") from None
        facts = opened["entry"]["facts"]
        if (opened["entry"]["kind"], facts.get("index"), facts.get("reason")) != ("entry.opened", index, reason):
            raise ProofFailed("The log does not say that this entry was opened, and why.")
        return found | {"opened": opened}

    def _entry(self, receipt: dict[str, Any], index: int) -> dict[str, Any]:
        entry = check_entry(receipt, self.pins)
        if receipt["index"] != index:
            raise ProofFailed("The receipt is of another entry.")
        return {"entry": entry, "receipt": receipt}

    def export_log(self, path: str | Path) -> Path:
        """Write the whole log to `path` (officers); the file appears only when it is whole."""
        target = Path(path)
        draft = target.with_name(f".{target.name}.part")
        try:
            with self.transport.stream("/v1/log/export") as pieces, draft.open("wb") as file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        return target


def _pins(document: dict[str, Any]) -> Pins:
    try:
        return Pins(str(document["origin"]), str(document["log_key"]), str(document["release_key"]))
    except KeyError:
        raise EnclaveNotReady("The enclave does not show its keys.") from None


def _items(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    items = document.get(name)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Fault("The enclave's answer is not one this client understands.")
    return items


def _segment(text: str) -> str:
    # "." and ".." would be folded away by URL rules: percent-encoding cannot protect them, so they become no name at all
    return quote(text, safe="") if text not in {"", ".", ".."} else "-"


def _moment(value: datetime | str) -> str:
    if isinstance(value, str):
        return value
    if value.tzinfo is None:
        raise ValueError("a time needs a time zone: use datetime.now(UTC) or add tzinfo")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
