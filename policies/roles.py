"""Who may do what: the table, as data. What is not in it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from sandbox.terms.people import Role


class Action(StrEnum):
    """Every use case that a signed-in person can ask for."""

    ENROL_PERSON = "enrol-person"
    REGISTER_DATASET = "register-dataset"
    LOAD_DATASET = "load-dataset"
    VIEW_LOAD = "view-load"
    LIST_DATASETS = "list-datasets"
    VIEW_DATASET = "view-dataset"
    GIVE_GRANT = "give-grant"
    LIST_GRANTS = "list-grants"
    VIEW_ACCOUNTS = "view-accounts"
    CHECK_QUERY = "check-query"
    SUBMIT_QUERY = "submit-query"
    LIST_QUERIES = "list-queries"
    VIEW_QUERY = "view-query"
    READ_RELEASE = "read-release"
    READ_CHECKPOINT = "read-checkpoint"
    PROVE_LOG = "prove-log"
    EXPORT_LOG = "export-log"
    SEARCH_LOG = "search-log"
    VIEW_ENTRY = "view-entry"
    OPEN_ENTRY = "open-entry"


class Scope(StrEnum):
    """What beside the role an action depends on."""

    NONE = "none"  # the role alone; the service narrows the answer to what the person may see
    STEWARDED = "stewarded"  # the person must speak for every named dataset
    GRANTED = "granted"  # one grant must cover every named dataset, for the purpose, now


@dataclass(frozen=True, slots=True)
class Permission:
    """Which roles may take an action, and what else it depends on."""

    roles: frozenset[Role]
    scope: Scope = Scope.NONE


_EVERYONE = frozenset(Role)
_ANALYST = frozenset({Role.ANALYST})
_STEWARD = frozenset({Role.STEWARD})
_OFFICER = frozenset({Role.OFFICER})

PERMISSIONS: Mapping[Action, Permission] = MappingProxyType(
    {
        Action.ENROL_PERSON: Permission(frozenset({Role.ADMINISTRATOR})),
        Action.REGISTER_DATASET: Permission(_STEWARD, Scope.STEWARDED),
        Action.LOAD_DATASET: Permission(_STEWARD, Scope.STEWARDED),
        Action.VIEW_LOAD: Permission(_STEWARD),
        Action.LIST_DATASETS: Permission(_EVERYONE),
        Action.VIEW_DATASET: Permission(_EVERYONE),
        Action.GIVE_GRANT: Permission(_STEWARD, Scope.STEWARDED),
        Action.LIST_GRANTS: Permission(frozenset({Role.ANALYST, Role.STEWARD, Role.OFFICER})),
        Action.VIEW_ACCOUNTS: Permission(_ANALYST),
        Action.CHECK_QUERY: Permission(_ANALYST, Scope.GRANTED),
        Action.SUBMIT_QUERY: Permission(_ANALYST, Scope.GRANTED),
        Action.LIST_QUERIES: Permission(frozenset({Role.ANALYST, Role.OFFICER})),
        Action.VIEW_QUERY: Permission(_ANALYST),
        Action.READ_RELEASE: Permission(_ANALYST),
        Action.READ_CHECKPOINT: Permission(_EVERYONE),
        Action.PROVE_LOG: Permission(_EVERYONE),
        Action.EXPORT_LOG: Permission(_OFFICER),
        Action.SEARCH_LOG: Permission(_OFFICER),
        Action.VIEW_ENTRY: Permission(_OFFICER),
        Action.OPEN_ENTRY: Permission(_OFFICER),
    }
)


class Sight(StrEnum):
    """Which datasets' descriptions a role may see; nobody sees a row."""

    ALL = "all"
    STEWARDED = "stewarded"
    GRANTED = "granted"
    NOTHING = "nothing"


SIGHT: Mapping[Role, Sight] = MappingProxyType(
    {
        Role.OFFICER: Sight.ALL,  # reads the whole log, which names every dataset
        Role.STEWARD: Sight.STEWARDED,
        Role.ANALYST: Sight.GRANTED,
        Role.ADMINISTRATOR: Sight.NOTHING,  # runs machines
    }
)
