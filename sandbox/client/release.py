"""A release: the noisy table that left, its intervals, its cost, and the proofs that came with it."""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.client import export
from sandbox.client.credentials import Pins
from sandbox.client.key_store import FileKeyStore, KeyStore, usable
from sandbox.privacy.accuracy import has_interval, interval
from sandbox.proof.bundle import Opened, Verified, open_bundle, verify_bundle
from sandbox.terms.answer import Answer, AnswerColumn, ComputedColumn, KeyColumn
from sandbox.terms.cells import Cell
from sandbox.terms.loss import parse_decimal, units_text
from sandbox.terms.refusal import MalformedNumber, ProofFailed

_COST = {"space", "mode", "amount", "epsilon", "delta"}
FILE_LIMIT = 256 * 2**20
"""Bytes of the largest file that is read as a release."""


@dataclass(frozen=True, slots=True)
class Release:
    """What left for one query, opened on this machine.

    `cost` has space, mode, amount (ρ or ε charged; "0" where the stored answer came back), epsilon and delta as asked.
    `request` is what was asked, as signed: sql, purpose, epsilon, need. `certificate` is the signed statement of what was
    measured, reviewed and let out; `document` the whole as it came, still sealed.
    """

    id: str
    answer: Answer
    cost: dict[str, Any]
    reused: bool
    request: dict[str, str]
    certificate: dict[str, Any] = field(repr=False)
    document: dict[str, Any] = field(repr=False)
    pins: Pins = field(repr=False)
    opened: Opened = field(repr=False)

    @classmethod
    def open(cls, document: dict[str, Any], pins: Pins, keys: KeyStore | None = None) -> "Release":
        """Verify the document of GET /v1/releases/{id} against the pinned keys, then open it.

        Raises:
            ProofFailed: something does not hold. KeysElsewhere: the private keys it is sealed to are not in `keys`.
        """
        facts = checked(document, pins).facts
        store = keys if keys is not None else FileKeyStore()
        pair = usable(store, pins.origin, facts["person"], facts["key"])
        opened = open_bundle(document, pair, pins)
        try:
            answer = Answer.from_json(opened.answer)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ProofFailed("What is sealed in the release is not an answer.") from None
        if answer.order != facts["order"]:
            raise ProofFailed("The certificate speaks of another order.")
        cost = _cost(document, opened.verified)
        if cost.get("epsilon") is not None and not _same_amount(
            cost["epsilon"], opened.request["submission"]["epsilon"]
        ):
            raise ProofFailed("The cost shown is not for the ε that was signed.")
        return cls(
            opened.verified.reused or facts["query"],
            answer,
            cost,
            opened.verified.reused is not None,
            dict(opened.request["submission"]),
            document["certificate"],
            document,
            pins,
            opened,
        )

    @classmethod
    def load(cls, path: str | Path, pins: Pins, keys: KeyStore | None = None) -> "Release":
        """Verify and open a release that `save` wrote. Offline: no enclave is asked.

        Raises:
            As `open`; ProofFailed too where the file holds no release.
        """
        return cls.open(read_document(path), pins, keys)

    def save(self, path: str | Path) -> Path:
        """Write the release as it came: sealed, with its proofs. `load` opens it, anybody can verify it."""
        text = json.dumps(self.document, ensure_ascii=True, sort_keys=True)
        return _written(Path(path), f"{text}\n".encode("ascii"))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.answer.columns)

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the columns that are group keys: they carry no noise."""
        return tuple(column.name for column in self.answer.columns if isinstance(column, KeyColumn))

    @property
    def with_intervals(self) -> tuple[str, ...]:
        """Names of the columns that `interval` speaks of; of what else was computed from noise nobody knows how far it is
        off."""
        return tuple(column.name for column in self.answer.columns if has_interval(column))

    @property
    def meanings(self) -> dict[str, str]:
        """What each computed column is, in words: "quantile 0.005, in place of the minimum"."""
        return {column.name: column.meaning for column in self.answer.columns if isinstance(column, ComputedColumn)}

    def column(self, name: str) -> AnswerColumn:
        """The column of that name.

        Raises:
            KeyError: there is none.
        """
        for column in self.answer.columns:
            if column.name == name:
                return column
        raise KeyError(f"the release has no column {name!r}; it has {', '.join(self.columns)}")

    def to_pylist(self) -> list[dict[str, Cell]]:
        """The rows as dictionaries; None for NULL, dates and times as ISO 8601 text. An answer may have no rows."""
        table = [column.numbers() for column in self.answer.columns]
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*table, strict=True)]

    def to_csv(self) -> str:
        """The rows as CSV that no spreadsheet takes for formulas; texts that could be one begin with an apostrophe."""
        return export.csv_text(self.columns, [list(row.values()) for row in self.to_pylist()])

    def to_json(self) -> str:
        """The rows as JSON: a list of objects."""
        return json.dumps(self.to_pylist(), ensure_ascii=False)

    def to_arrow(self) -> Any:
        """The rows as a pyarrow Table. Needs the extra `arrow`."""
        return export.arrow_table(self.answer)

    def to_parquet(self, path: str | Path) -> Path:
        """Write the rows as a Parquet file. Needs the extra `arrow`."""
        return _written(Path(path), export.parquet_bytes(self.answer))

    def to_ipc(self, path: str | Path) -> Path:
        """Write the rows as an Arrow IPC file. Needs the extra `arrow`."""
        return _written(Path(path), export.ipc_bytes(self.answer))

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame. Needs the extra `pandas`."""
        return export.pandas_frame(self.answer)

    def to_polars(self) -> Any:
        """The rows as a polars DataFrame. Needs polars."""
        return export.polars_frame(self.answer)

    def interval(self, name: str, level: float = 0.95) -> list[tuple[float, float]]:
        """One interval a row that holds the un-noised value of the clamped data with probability `level`.

        Raises:
            KeyError: no such column.
            ValueError: a column that is not among `with_intervals`, or a level that is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError("a level lies between 0 and 1")
        return list(interval(self.column(name), level))

    def verify(self) -> Verified:
        """Check every proof again, against the keys pinned when the connection was made; gives what is proved.

        The certificate is signed by the release key, and speaks of this envelope, and of this answer inside it. Every log
        entry is included under a checkpoint signed by the log key: the loss was reserved, the answer committed, reviewed
        and let out, and they all say what the certificate says. `words()` of what comes back says it in sentences.

        Raises:
            ProofFailed: naming the first thing that does not hold.
        """
        verified = checked(self.document, self.pins)
        if (self.answer.to_json(), self.document["certificate"]) != (self.opened.answer, self.certificate):
            raise ProofFailed("This is not the answer that was in the release.")
        if (self.id, self.cost) != (verified.reused or verified.facts["query"], _cost(self.document, verified)):
            raise ProofFailed("This is not what the release says of itself.")
        return verified


def checked(document: dict[str, Any], pins: Pins) -> Verified:
    """Check all that can be checked without private keys: certificate, envelope, log entries, and the cost shown.

    Raises:
        ProofFailed: naming the first thing that does not hold.
    """
    verified = verify_bundle(document, pins)
    if document.get("reused", verified.reused is not None) is not (verified.reused is not None):
        raise ProofFailed("The release says otherwise than the log whether its answer was a stored one.")
    _cost(document, verified)
    return verified


def read_document(path: str | Path) -> dict[str, Any]:
    """The document in a saved release.

    Raises:
        ProofFailed: the file holds none. OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        content = file.read(FILE_LIMIT + 1)
    try:
        document = json.loads(content, object_pairs_hook=_once) if len(content) <= FILE_LIMIT else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ProofFailed(f"{path} does not hold a release.")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names come once: two programs never read two releases in one file."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice in one object")
    return found


def _same_amount(shown: object, signed: str) -> bool:
    try:
        return isinstance(shown, str) and parse_decimal(shown, "epsilon") == parse_decimal(signed, "epsilon")
    except MalformedNumber:
        return False


def _written(path: Path, content: bytes) -> Path:
    """Write a file that appears only when it is whole."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")  # nobody can have put a link there before
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def _cost(document: dict[str, Any], verified: Verified) -> dict[str, Any]:
    """What the query cost: as shown, where it agrees with the certificate, else from the certificate alone.

    The unit space and its δ are shown as the enclave says them: no certificate states them.
    """
    loss = verified.facts["loss"]
    try:
        amount = "0" if verified.reused is not None else units_text(int(loss["units"]))
        mode = str(loss["mode"])
    except (KeyError, TypeError, ValueError):
        raise ProofFailed("The certificate does not state its loss.") from None
    shown = document.get("cost", {"mode": mode, "amount": amount})
    if not isinstance(shown, dict) or (shown.get("mode"), shown.get("amount")) != (mode, amount) or set(shown) - _COST:
        raise ProofFailed("The cost shown is not the one in the log.")
    return shown
