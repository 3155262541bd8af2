"""What every role gets of every endpoint, by whose object it is: the table that test_roles_by_endpoints walks.

"own" belongs to the person who asks, or concerns them: the steward's dataset and the requests for it, the analyst's
grants and queries, a review that the reviewer may decide on, a freeze the officer set. "other" is the same of somebody
else: another organisation's data, another analyst's query, a review of what the reviewer's own organisation asked, another
officer's freeze. "none" does not exist. A frozen analyst has own things too. A refusal is written as status and code.
"""

from typing import TypeAlias

Outcome: TypeAlias = int | str

ROLES = ("nobody", "administrator", "steward", "analyst", "reviewer", "officer", "frozen")

SIGN, ROLE, GONE, TABLE = "401 sign-in-required", "403 role-not-permitted", "404 not-found", "422 unknown-table"
FROZEN = "403 frozen"


def by(**outcomes: Outcome) -> tuple[Outcome, ...]:
    """The outcomes of the named roles; everybody else's role does not include it. What only analysts may do and is no
    mere look is stopped for a frozen one."""
    if "analyst" in outcomes:
        outcomes.setdefault("frozen", FROZEN)
    return (SIGN, *(outcomes.get(role, ROLE) for role in ROLES[1:]))


def all_of(outcome: Outcome) -> tuple[Outcome, ...]:
    """Everybody who is signed in."""
    return (SIGN, *(outcome,) * 6)


OPEN = (200,) * 7
OFFICER = by(officer=200)
NOT_EVEN_OFFICERS = by(officer=GONE)
ASKED = {"own": by(analyst=200), "other": by(analyst=TABLE), "none": by(analyst=TABLE)}

EXPECTED: dict[str, dict[str, tuple[Outcome, ...]]] = {
    "GET /v1/health": {"-": OPEN},
    "GET /v1/enclave": {"-": OPEN},
    "POST /v1/people": {"-": by(administrator=201)},
    "GET /v1/me": {"-": all_of(200)},
    "POST /v1/me/keys": {"-": by(analyst=201)},
    "GET /v1/catalogue": {"-": all_of(200)},
    "GET /v1/catalogue/{name}": {"own": all_of(200), "other": all_of(200), "none": all_of(GONE)},
    "POST /v1/datasets": {"own": by(steward=201), "other": by(steward=ROLE), "none": by(steward=ROLE)},
    "GET /v1/datasets": {"-": all_of(200)},
    "GET /v1/datasets/{name}": {
        "own": (SIGN, GONE, 200, 200, GONE, 200, 200),
        "other": (SIGN, GONE, GONE, GONE, GONE, 200, GONE),
        "none": all_of(GONE),
    },
    "POST /v1/datasets/{name}/versions": {
        "own": by(steward=202),
        "other": by(steward=GONE),
        "none": by(steward=GONE),
    },
    "GET /v1/loads/{load}": {"own": by(steward=200), "other": by(steward=GONE), "none": by(steward=GONE)},
    # What can be asked for is public: so is asking.
    "POST /v1/grant-requests": {"own": by(analyst=201), "other": by(analyst=201), "none": by(analyst=GONE)},
    "GET /v1/grant-requests": {"-": by(steward=200, analyst=200, officer=200, frozen=200)},
    "POST /v1/grant-requests/{request}/approval": {
        "own": by(steward=201),
        "other": by(steward=GONE),
        "none": by(steward=GONE),
    },
    "POST /v1/grant-requests/{request}/refusal": {
        "own": by(steward=200),
        "other": by(steward=GONE),
        "none": by(steward=GONE),
    },
    "GET /v1/grants": {"-": by(steward=200, analyst=200, officer=200, frozen=200)},
    "GET /v1/grants/{grant}": {
        "own": by(steward=200, analyst=200, officer=200, frozen=200),
        "other": by(steward=GONE, analyst=GONE, officer=200, frozen=GONE),
        "none": by(steward=GONE, analyst=GONE, officer=GONE, frozen=GONE),
    },
    "POST /v1/grants/{grant}/revocation": {
        "own": by(steward=200),
        "other": by(steward=GONE),
        "none": by(steward=GONE),
    },
    "GET /v1/accounts": {"-": by(analyst=200, frozen=200)},
    "POST /v1/queries": ASKED | {"own, run": by(analyst=202), "other, run": ASKED["other"], "none, run": ASKED["none"]},
    "GET /v1/queries": {"-": by(analyst=200, officer=200, frozen=200)},
    "GET /v1/queries/{query}": {
        "own": by(analyst=200, frozen=200),
        "other": by(analyst=GONE, frozen=GONE),
        "none": by(analyst=GONE, frozen=GONE),
    },
    "POST /v1/queries/{query}/withdrawal": {
        "own": by(analyst=200),
        "other": by(analyst=GONE),
        "none": by(analyst=GONE),
    },
    "GET /v1/releases/{query}": {"own": by(analyst=200), "other": by(analyst=GONE), "none": by(analyst=GONE)},
    "GET /v1/reviews": {"-": by(reviewer=200)},
    "GET /v1/reviews/{review}": {"own": by(reviewer=200), "other": by(reviewer=GONE), "none": by(reviewer=GONE)},
    "POST /v1/reviews/{review}/votes": {
        "own": by(reviewer=201),
        "other": by(reviewer=GONE),
        "none": by(reviewer=GONE),
    },
    "POST /v1/freezes": {"own": by(officer=201), "other": by(officer=201), "none": by(officer=GONE)},
    "GET /v1/freezes": {"-": by(steward=200, officer=200)},
    "POST /v1/freezes/{freeze}/lift": {"own": by(officer=200), "other": by(officer=200), "none": by(officer=GONE)},
    "POST /v1/policy/explanation": {
        "own": by(steward=200, officer=200),
        "other": by(steward=GONE, officer=200),
        "none": by(steward=GONE, officer=GONE),
    },
    "GET /v1/log/checkpoint": {"-": all_of(200)},
    "GET /v1/log/proof/inclusion/{index}": {"own": all_of(200), "other": all_of(200), "none": all_of(GONE)},
    "GET /v1/log/proof/consistency": {"-": all_of(200)},
    "GET /v1/log/export": {"-": OFFICER},
    "POST /v1/log/search": {"own": OFFICER, "other": OFFICER, "none": OFFICER},
    "GET /v1/log/entries/{index}": {"own": OFFICER, "other": OFFICER, "none": NOT_EVEN_OFFICERS},
    "POST /v1/log/entries/{index}/open": {"own": OFFICER, "other": OFFICER, "none": NOT_EVEN_OFFICERS},
}
