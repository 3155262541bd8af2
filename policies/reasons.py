"""Which refusal each forbid stands for, and which of several is told: the order is data."""

from sandbox.terms.refusal import (
    Frozen,
    GrantNotInForce,
    GrantRevoked,
    GrantTooNarrow,
    GrantUsedUp,
    NotFound,
    OwnRequest,
    PurposeNotGranted,
    Refusal,
    RoleNotPermitted,
)

NO_PERMIT = "no-permit"
"""What decides where no policy permits."""

NO_PERMIT_WORDS = ("No policy permits this to the role.", "没有策略允许该角色执行此操作。")

REASONS: tuple[tuple[str, type[Refusal]], ...] = (
    (NO_PERMIT, RoleNotPermitted),
    ("frozen-person", Frozen),
    ("own-request", OwnRequest),
    # What is not theirs to know of looks like what is not there.
    ("own-organisation", NotFound),
    ("not-yours", NotFound),
    ("not-your-grant", NotFound),
    ("steward-of-all", NotFound),
    ("steward-of-one", NotFound),
    ("grant-holder", NotFound),
    ("grant-datasets", NotFound),
    # From here on the person holds a grant for the data, and may be told more the nearer it comes.
    ("frozen-dataset", Frozen),
    ("grant-purpose", PurposeNotGranted),
    ("grant-term-over", GrantNotInForce),
    ("grant-term-not-begun", GrantNotInForce),
    ("grant-revoked", GrantRevoked),
    ("frozen-grant", Frozen),
    ("grant-tables", GrantTooNarrow),
    ("grant-columns", GrantTooNarrow),
    ("grant-aggregates", GrantTooNarrow),
    ("grant-uses", GrantUsedUp),
)
"""Deciding policy and refusal. Of one grant's reasons the first is told; of several grants, the one whose first reason
comes last here: it came nearest."""

RANK: dict[str, int] = {policy: rank for rank, (policy, _refusal) in enumerate(REASONS)}

REFUSALS: dict[str, type[Refusal]] = dict(REASONS)
