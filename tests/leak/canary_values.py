"""10,000 values that occur nowhere else, laid into the rows of one data set, and every spelling in which one could leak.

Texts are 20 random letters and digits (103 bits), serials random 61-bit integers, amounts random in 10¹⁴ steps, times
random microseconds of the twentieth century: by chance, a gigabyte of random bytes holds one of all their spellings with
probability below 10⁻³. Dates have a distinctive spelling as text only, so they are sought as text only.
"""

import csv
import hashlib
import random
import string
import struct
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 2_000
COUNTS = {"person": 2_000, "remark": 2_000, "note": 1_500, "serial": 2_000, "amount": 1_000, "seen": 1_000, "born": 500}
HEADER = ("person", "sex", "remark", "note", "serial", "amount", "seen", "born", "age")
STEP = 100  # amounts are stored as hundredths

DESCRIPTION = """
[dataset]
name = "harbour"
title = "Patients of the harbour hospital"
steward = "health-bureau"
unit_space = "harbour-patients"
grade = "general"
budget = { epsilon = "500" }
[unit_spaces.harbour-patients]
accounting = "zcdp"
budget = { epsilon = "500", delta = "1e-6" }
[tables.stays]
unit = "person"
rows_max = 4_000
max_rows_per_unit = 4
max_groups_per_unit = 2
[tables.stays.columns]
person = { type = "string", role = "unit" }
sex = { type = "string", keys = ["F", "M"] }
remark = { type = "string", max_length = 40 }
note = { type = "string", role = "withheld" }
serial = { type = "int", bounds = [0, 2_305_843_009_213_693_952] }
amount = { type = "float", bounds = [0.0, 1_000_000_000_000.0], granularity = 0.01 }
seen = { type = "timestamp", bounds = ["1900-01-01T00:00:00Z", "1999-12-31T23:59:59Z"] }
born = { type = "date", bounds = ["1600-01-01", "1899-12-31"] }
age = { type = "int", bounds = [0, 110] }
"""


@dataclass(frozen=True)
class Canaries:
    """The values by column; `amount` as hundredths, `seen` as microseconds, `born` as days, all since 1970."""

    person: tuple[str, ...]
    remark: tuple[str, ...]
    note: tuple[str, ...]
    serial: tuple[int, ...]
    amount: tuple[int, ...]
    seen: tuple[int, ...]
    born: tuple[int, ...]

    def items(self) -> Iterator[tuple[str, str | int]]:
        """Every canary, with its column."""
        for column in COUNTS:
            for value in getattr(self, column):
                yield column, value

    def spelled(self) -> dict[bytes, str]:
        """Every spelling, and which canary it is."""
        return {text: f"{column} {value}" for column, value in self.items() for text in spellings(column, value)}


def make(seed: int) -> Canaries:
    """The same values for the same seed, all different."""
    source = random.Random(seed)
    letters = string.ascii_lowercase + string.digits

    def texts(count: int) -> tuple[str, ...]:
        return tuple("".join(source.choices(letters, k=20)) for _ in range(count))

    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    first, last = (int((datetime(year, 1, 2, tzinfo=UTC) - epoch).total_seconds()) * 10**6 for year in (1900, 1969))
    days = [(date(year, 1, 1) - date(1970, 1, 1)).days for year in (1600, 1899)]
    made = Canaries(
        texts(COUNTS["person"]),
        texts(COUNTS["remark"]),
        texts(COUNTS["note"]),
        tuple(source.randrange(2**60, 2**61) for _ in range(COUNTS["serial"])),
        tuple(source.randrange(10**13, 10**14) for _ in range(COUNTS["amount"])),
        tuple(source.randrange(first, last) for _ in range(COUNTS["seen"])),
        tuple(source.sample(range(*days), COUNTS["born"])),
    )
    values = list(made.items())
    assert len(set(values)) == len(values) == 10_000
    return made


def spellings(column: str, value: str | int) -> set[bytes]:
    """Every spelling of one canary that is sought."""
    found: set[bytes] = set()
    for text in _texts(column, value):
        plain = text.encode()
        found |= {text.encode("utf-16-le")[:-1], *_encoded(plain)}
        if column in {"person", "remark", "note"}:  # an unkeyed digest of an identifier is the identifier
            for name in ("md5", "sha1", "sha256"):
                raw = hashlib.new(name, plain).digest()
                found |= {raw, raw.hex().encode(), b64encode(raw)}
    for number in _numbers(column, value):
        found |= {piece for raw in (number, number[::-1]) for piece in _encoded(raw)}
    if column == "serial":
        found.add(_varint(int(value)))
    return found


def rows(canaries: Canaries) -> list[dict[str, str]]:
    """The table's rows, all cells as text; the canaries of a column stand in its first rows."""
    made = []
    for row in range(ROWS):
        cells = {column: _cell(column, getattr(canaries, column), row) for column in COUNTS}
        made.append(cells | {"sex": "FM"[row % 2], "age": str(20 + row % 60)})
    return made


def write_csv(canaries: Canaries, path: Path) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(rows(canaries))
    return path


def write_parquet(canaries: Canaries, path: Path) -> Path:
    """The same rows with typed columns."""
    cells = rows(canaries)
    typed = {name: pa.array([row[name] for row in cells]) for name in ("person", "sex", "remark", "note")}
    typed["serial"] = pa.array([int(row["serial"]) for row in cells], pa.int64())
    typed["amount"] = pa.array([float(row["amount"]) for row in cells], pa.float64())
    typed["seen"] = pa.array([datetime.fromisoformat(row["seen"]) for row in cells], pa.timestamp("us", "UTC"))
    typed["born"] = pa.array([date.fromisoformat(row["born"]) for row in cells], pa.date32())
    typed["age"] = pa.array([int(row["age"]) for row in cells], pa.int64())
    pq.write_table(pa.table(typed), path)
    return path


def _cell(column: str, values: tuple[str, ...] | tuple[int, ...], row: int) -> str:
    if row >= len(values):
        return {"note": "none", "amount": "1.5", "seen": "1990-01-01T00:00:00Z", "born": "1600-01-01"}[column]
    return _texts(column, values[row])[0]


def _texts(column: str, value: str | int) -> tuple[str, ...]:
    """How the value is written; the first is the spelling in the file."""
    match column:
        case "amount":
            whole, rest = divmod(int(value), STEP)
            return f"{whole}.{rest:02d}", str(value)
        case "seen":
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(value))
            text = moment.strftime("%Y-%m-%dT%H:%M:%S.%f")
            return f"{text}Z", text.replace("T", " "), str(value)
        case "born":
            return ((date(1970, 1, 1) + timedelta(days=int(value))).isoformat(),)
        case _:
            return (str(value),)


def _numbers(column: str, value: str | int) -> tuple[bytes, ...]:
    """Its eight bytes, little end first."""
    match column:
        case "serial":
            return struct.pack("<q", value), struct.pack("<d", float(value))
        case "amount":
            return struct.pack("<q", value), struct.pack("<d", int(value) / STEP), struct.pack("<d", float(value))
        case "seen":
            return struct.pack("<q", value), struct.pack("<q", int(value) * 1_000), struct.pack("<d", float(value))
        case _:
            return ()


def _encoded(raw: bytes) -> set[bytes]:
    """As it is, in hexadecimal, and in Base64 wherever it may begin."""
    found = {raw, raw.hex().encode(), raw.hex().upper().encode()}
    for before in range(3):
        whole = len(raw) + before - (len(raw) + before) % 3  # bytes of full groups
        skipped = -(-before * 4 // 3)
        for encode in (b64encode, urlsafe_b64encode):
            found.add(encode(b"\0" * before + raw)[skipped : whole * 4 // 3])
    return {text for text in found if len(text) >= 8}


def _varint(value: int) -> bytes:
    """Base-128, as Protocol Buffers write it."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
