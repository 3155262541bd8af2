"""People, roles, keys, grants, and what stops them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction


class Role(StrEnum):
    ADMINISTRATOR = "administrator"  # runs machines, enrols people; sees no data and no keys of data
    STEWARD = "steward"  # speaks for the data: describes, loads, approves grants, revokes them
    ANALYST = "analyst"  # requests grants, asks
    REVIEWER = "reviewer"  # decides on held releases; sees noisy answers only
    OFFICER = "officer"  # reads and proves the log, freezes


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with credentials: one name, one role. `name` is unique in the enclave.

    `identity` says which human holds the credentials, in the authority's own terms (a staff number, a mail address);
    one human may hold several names only where the roles go together, and counts once wherever two people are asked for.
    """

    name: str
    organisation: str
    role: Role
    identity: str = ""

    @property
    def human(self) -> str:
        """Who this is: the identity, or the name where none was given."""
        return self.identity or self.name


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """The public halves of a person's key pairs: X25519 (answers are sealed to it) and Ed25519 (submissions are signed
    with it), 32 bytes each. The private halves never leave the client. `id` follows from both (proof.key_pairs)."""

    id: str
    person: str
    sealing: bytes
    signing: bytes


class Aggregate(StrEnum):
    """What may be computed: the manner of use a grant names."""

    COUNT = "count"  # rows, or values that are not NULL
    COUNT_UNITS = "count-units"  # distinct units
    COUNT_DISTINCT = "count-distinct"  # distinct values of a column
    SUM = "sum"
    MEAN = "mean"
    SPREAD = "spread"  # variances, deviations, covariances, correlations
    QUANTILE = "quantile"  # quantiles, medians, and extreme quantiles for minima and maxima


class ReviewDuty(StrEnum):
    """What a grant demands of the review beyond the profile of the data's grade, mildest first."""

    PROFILE = "profile"  # what the profile says
    HELD = "held"  # every release waits for one reviewer at least
    TWO = "two"  # every release waits for two blind votes


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """What an analyst asks for. `tables` are "dataset.table"; `columns` are "dataset.table.column", value columns only
    (a granted table's unit can always be counted); both complete lists, sorted. `uses` None is without limit;
    `not_before` None is from approval on."""

    id: str
    analyst: str
    organisation: str
    datasets: tuple[str, ...]
    tables: tuple[str, ...]
    columns: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]
    purpose: str
    epsilon: Fraction
    uses: int | None
    not_before: datetime | None
    not_after: datetime
    reason: str
    asked_at: datetime


class RequestState(StrEnum):
    ASKED = "asked"
    APPROVED = "approved"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class RequestStanding:
    """A request and what became of it: the grant's id once approved, who decided, and why it was declined."""

    request: GrantRequest
    state: RequestState
    grant: str | None = None
    decided_by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """授权: who may ask of which tables and columns, in what manner, for what purpose, how often, until when, at what
    total loss, and under what review.

    `epsilon` is the grant's budget in each unit space its datasets belong to. `version` grows with every change; the
    reserving transaction rechecks it. Times are aware and in UTC; `not_after` is exclusive. `request` is the request it
    answers, `signature` the enclave's over all the rest (proof.signed_grant), Base64.
    """

    id: str
    version: int
    analyst: str
    organisation: str
    datasets: tuple[str, ...]
    tables: tuple[str, ...]
    columns: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]
    purpose: str
    epsilon: Fraction
    uses: int | None
    review: ReviewDuty
    not_before: datetime
    not_after: datetime
    given_by: str
    request: str
    signature: str = ""


@dataclass(frozen=True, slots=True)
class UnderGrant:
    """A grant that a query is asked under, in the version that was decided by."""

    grant: str
    version: int


@dataclass(frozen=True, slots=True)
class GrantStanding:
    """A grant and how it stands now: queries recorded under it, and whether it was revoked or is frozen."""

    grant: Grant
    used: int = 0
    revoked: bool = False
    frozen: bool = False


class Subject(StrEnum):
    """What an officer can freeze."""

    PERSON = "person"
    GRANT = "grant"
    DATASET = "dataset"


@dataclass(frozen=True, slots=True)
class Freeze:
    """A stop set by an officer (or by the enclave itself), in force until two different officers have lifted it."""

    id: str
    subject: Subject
    name: str
    by: str
    reason: str
    at: datetime
    lift_asked_by: str | None = None
    lifted: bool = False
