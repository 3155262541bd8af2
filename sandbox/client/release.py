"""A release: the noisy table that left, its intervals, its cost, and the proofs that came with it."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.client.credentials import Pins
from sandbox.client.receipts import check_entry
from sandbox.privacy.accuracy import interval
from sandbox.proof.certificate import verify_certificate
from sandbox.proof.signing import VerifyingKey
from sandbox.terms.answer import Answer, AnswerColumn, KeyColumn
from sandbox.terms.canonical import digest
from sandbox.terms.dataset import KeyValue
from sandbox.terms.loss import units_text
from sandbox.terms.refusal import Fault, ProofFailed


@dataclass(frozen=True, slots=True)
class Release:
    """What left for one query.

    `cost` has space, mode, amount (ρ or ε charged; "0" where the stored answer came back), epsilon and delta as asked.
    `certificate` is the signed statement of what was measured, `receipt` the log entry that settled it, `document` the
    whole as it came.
    """

    id: str
    answer: Answer
    cost: dict[str, Any]
    certificate: dict[str, Any]
    receipt: dict[str, Any]
    reserved_receipt: dict[str, Any]
    reused: bool
    document: dict[str, Any] = field(repr=False)
    pins: Pins = field(repr=False)

    @classmethod
    def from_json(cls, document: dict[str, Any], pins: Pins) -> "Release":
        """Read the document of GET /v1/releases/{id}.

        Raises:
            Fault: it is not one.
        """
        try:
            return cls(
                str(document["id"]),
                Answer.from_json(document["answer"]),
                dict(document["cost"]),
                dict(document["certificate"]),
                dict(document["receipt"]),
                dict(document["reserved_receipt"]),
                bool(document["reused"]),
                document,
                pins,
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Fault("The enclave's answer is not a release that this client understands.") from None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.answer.columns)

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the columns that are group keys: they carry no noise."""
        return tuple(column.name for column in self.answer.columns if isinstance(column, KeyColumn))

    def column(self, name: str) -> AnswerColumn:
        """The column of that name.

        Raises:
            KeyError: there is none.
        """
        for column in self.answer.columns:
            if column.name == name:
                return column
        raise KeyError(f"the release has no column {name!r}; it has {', '.join(self.columns)}")

    def to_pylist(self) -> list[dict[str, KeyValue | float]]:
        """The rows as dictionaries."""
        table = [column.numbers() for column in self.answer.columns]
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*table, strict=True)]

    def to_arrow(self) -> Any:
        """The rows as a pyarrow Table. Needs the extra `arrow`."""
        import pyarrow as pa

        return pa.table({column.name: list(column.numbers()) for column in self.answer.columns})

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame. Needs the extra `pandas`."""
        import pandas as pd

        return pd.DataFrame({column.name: list(column.numbers()) for column in self.answer.columns})

    def interval(self, name: str, level: float = 0.95) -> list[tuple[float, float]]:
        """One interval a row that holds the un-noised value of the clamped data with probability `level`.

        Raises:
            KeyError: no such column.
            ValueError: a key column, which has no noise, or a level that is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError("a level lies between 0 and 1")
        return list(interval(self.column(name), level))

    def verify(self) -> None:
        """Check every proof that came along, against the keys pinned when the connection was made.

        The certificate is signed by the release key and speaks of this answer. Both log entries are included under
        checkpoints signed by the log key, and they say the same: one settled the certified order with this very answer;
        the other is this query's own, and reserved the certified loss, or reused the certified answer for nothing.

        Raises:
            ProofFailed: naming the first thing that does not hold.
        """
        facts = verify_certificate(self.certificate, VerifyingKey.parse(self.pins.release_key))
        log = facts.get("log")
        if not isinstance(log, dict) or log.get("origin") != self.pins.origin:
            raise ProofFailed("The certificate speaks of another log.")
        answer = self.answer.to_json()
        if facts.get("answer") != digest(answer):
            raise ProofFailed("The certificate speaks of another answer.")
        if facts.get("order") != self.answer.order:
            raise ProofFailed("The certificate speaks of another order.")
        released = digest({"answer": answer, "certificate": self.certificate})
        settled = {"query": facts.get("query"), "order": facts.get("order"), "answer": released}
        _expect(check_entry(self.receipt, self.pins), "query.committed", settled)
        own = {"query": self.id} | {name: facts.get(name) for name in ("grant", "dataset", "data_version", "manifest")}
        entry = check_entry(self.reserved_receipt, self.pins)
        if self.reused:
            _expect(entry, "query.reused", own | {"of": facts.get("query")})
        else:
            _expect(entry, "query.reserved", own | {"order": facts.get("order"), "loss": facts.get("loss")})
            if (log.get("index"), facts.get("query")) != (self.reserved_receipt["index"], self.id):
                raise ProofFailed("The certificate and the receipt name different entries of the log.")
        if self.cost.get("amount") != ("0" if self.reused else _amount(facts)):
            raise ProofFailed("The cost shown is not the one in the log.")


def _expect(entry: dict[str, Any], kind: str, facts: dict[str, Any]) -> None:
    if entry["kind"] != kind:
        raise ProofFailed(f"The log's entry is {entry['kind']}, not {kind}.")
    for name, value in facts.items():
        if value is None or entry["facts"].get(name) != value:
            raise ProofFailed(f"The log's entry {kind} and the certificate differ in {name}.")


def _amount(facts: dict[str, Any]) -> str:
    try:
        return units_text(int(facts["loss"]["units"]))
    except (KeyError, TypeError, ValueError):
        raise ProofFailed("The certificate does not state its loss.") from None
