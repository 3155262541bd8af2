"""A release: the noisy table that left, its intervals, its cost, and the proofs that came with it."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.client.credentials import Pins
from sandbox.client.receipts import check_receipt
from sandbox.privacy.accuracy import interval
from sandbox.proof.certificate import verify_certificate
from sandbox.proof.signing import VerifyingKey
from sandbox.terms.answer import Answer, AnswerColumn, KeyColumn
from sandbox.terms.canonical import digest
from sandbox.terms.dataset import KeyValue
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

        The certificate is signed by the release key and speaks of this answer; both log entries are included under
        checkpoints signed by the log key; the certificate names the entry that reserved the loss.

        Raises:
            ProofFailed: naming the first thing that does not hold.
        """
        facts = verify_certificate(self.certificate, VerifyingKey.parse(self.pins.release_key))
        log = facts.get("log")
        if not isinstance(log, dict) or log.get("origin") != self.pins.origin:
            raise ProofFailed("The certificate speaks of another log.")
        if facts.get("answer") != digest(self.answer.to_json()):
            raise ProofFailed("The certificate speaks of another answer.")
        if facts.get("order") != self.answer.order:
            raise ProofFailed("The certificate speaks of another order.")
        if facts.get("query") != self.id and not self.reused:
            raise ProofFailed("The certificate speaks of another query.")
        check_receipt(self.receipt, self.pins)
        check_receipt(self.reserved_receipt, self.pins)
        if log.get("index") != self.reserved_receipt.get("index") and not self.reused:
            raise ProofFailed("The certificate and the receipt name different entries of the log.")
