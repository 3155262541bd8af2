"""The log: checkpoints, proofs, and for officers searching, showing, opening and exporting."""

import os
import secrets
from pathlib import Path
from typing import Any

from sandbox.client.calls import Calls, Time, given, items, moment
from sandbox.proof.checkpoint import Checkpoint
from sandbox.proof.merkle import verify_consistency
from sandbox.proof.receipts import check_entry, check_receipt, open_note
from sandbox.terms.refusal import Fault, ProofFailed


class LogCalls(Calls):
    """Everything the log says is checked against the pinned log key."""

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
        since: Time | None = None,
        until: Time | None = None,
        before: int | None = None,
        limit: int | None = None,
        **words: str | None,
    ) -> dict[str, Any]:
        """A page of log entries, newest first (officers): `entries`, and as `next` the `before` of the page after it.

        `words`: actor, organisation, dataset, purpose, decision, kind, text (a query's exact text) or text_tag. Every
        search is an entry of the log.
        """
        times = {name: None if at is None else moment(at) for name, at in (("since", since), ("until", until))}
        body = given(**words, before=before, limit=limit, **times)
        document = self.transport.json("POST", "/v1/log/search", body=body)
        items(document, "entries")
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

    def export_log(self, path: str | Path) -> Path:
        """Write the whole log to `path` (officers); the file appears only when it is whole."""
        target = Path(path)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            with self.transport.stream("/v1/log/export") as pieces, draft.open("xb") as file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        return target

    def _entry(self, receipt: dict[str, Any], index: int) -> dict[str, Any]:
        entry = check_entry(receipt, self.pins)
        if receipt["index"] != index:
            raise ProofFailed("The receipt is of another entry.")
        return {"entry": entry, "receipt": receipt}
