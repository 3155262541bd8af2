"""What can be asked for, and what each role may know to exist. Which role may do what is Cedar's (cedar/roles.cedar)."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from sandbox.terms.people import Role


class Action(StrEnum):
    """Every use case that a signed-in person can ask for: the actions of cedar/schema.cedarschema."""

    ENROL_PERSON = "enrol-person"
    REGISTER_DATASET = "register-dataset"
    LOAD_DATASET = "load-dataset"
    VIEW_LOAD = "view-load"
    LIST_DATASETS = "list-datasets"
    VIEW_DATASET = "view-dataset"
    REGISTER_KEYS = "register-keys"
    REQUEST_GRANT = "request-grant"
    LIST_GRANT_REQUESTS = "list-grant-requests"
    DECIDE_GRANT = "decide-grant"
    LIST_GRANTS = "list-grants"
    VIEW_GRANT = "view-grant"
    REVOKE_GRANT = "revoke-grant"
    VIEW_ACCOUNTS = "view-accounts"
    CHECK_QUERY = "check-query"
    SUBMIT_QUERY = "submit-query"
    LIST_QUERIES = "list-queries"
    VIEW_QUERY = "view-query"
    WITHDRAW = "withdraw"
    READ_RELEASE = "read-release"
    LIST_REVIEWS = "list-reviews"
    VIEW_REVIEW = "view-review"
    VOTE = "vote"
    FREEZE = "freeze"
    LIFT_FREEZE = "lift-freeze"
    LIST_FREEZES = "list-freezes"
    EXPLAIN_POLICY = "explain-policy"
    READ_CHECKPOINT = "read-checkpoint"
    PROVE_LOG = "prove-log"
    EXPORT_LOG = "export-log"
    SEARCH_LOG = "search-log"
    VIEW_ENTRY = "view-entry"
    OPEN_ENTRY = "open-entry"


ASKS = frozenset({Action.CHECK_QUERY, Action.SUBMIT_QUERY})
"""The actions that one grant must allow: asked once for each grant that can matter, with the grant as resource."""


class Sight(StrEnum):
    """Which datasets' descriptions a role may see beyond the catalogue; nobody sees a row."""

    ALL = "all"
    STEWARDED = "stewarded"
    GRANTED = "granted"
    NOTHING = "nothing"


SIGHT: Mapping[Role, Sight] = MappingProxyType(
    {
        Role.OFFICER: Sight.ALL,  # reads the whole log, which names every dataset
        Role.STEWARD: Sight.STEWARDED,
        Role.ANALYST: Sight.GRANTED,
        Role.REVIEWER: Sight.NOTHING,  # a review copy says all that a vote needs
        Role.ADMINISTRATOR: Sight.NOTHING,  # runs machines
    }
)
