"""People, roles and grants."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction


class Role(StrEnum):
    ADMINISTRATOR = "administrator"  # runs machines, enrols people; sees no data and no keys of data
    STEWARD = "steward"  # speaks for the data: describes, loads, grants
    ANALYST = "analyst"  # asks
    OFFICER = "officer"  # reads and proves the log


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with credentials. `name` is unique in the enclave."""

    name: str
    organisation: str
    role: Role


@dataclass(frozen=True, slots=True)
class Grant:
    """授权: who may ask of which datasets, for what purpose, until when, at what total loss.

    `epsilon` is the grant's budget in each unit space its datasets belong to. `version` grows with every change; the
    reserving transaction rechecks it. Times are aware and in UTC; `not_after` is exclusive.
    """

    id: str
    version: int
    analyst: str
    organisation: str
    datasets: tuple[str, ...]
    purpose: str
    epsilon: Fraction
    not_before: datetime
    not_after: datetime
    given_by: str
