"""Enrolling people."""

import re

from policies.roles import Action
from sandbox.service.access import require
from sandbox.service.audit import entry, is_label
from sandbox.service.enclave import Enclave
from sandbox.service.identity import new_token, token_digest
from sandbox.terms.people import Person, Role
from sandbox.terms.refusal import MalformedRequest, NameTaken

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}")
_ORGANISATION_LIMIT = 200
FIRST_ADMINISTRATOR = "administrator"


def enrol(enclave: Enclave, actor: Person, name: str, organisation: str, role: str) -> tuple[Person, str]:
    """Enrol somebody; the token is returned this once and not kept.

    Raises:
        RoleNotPermitted, MalformedRequest, NameTaken, AuditUnavailable.
    """
    require(enclave, actor, Action.ENROL_PERSON)
    return _add(enclave, actor, _person(enclave, name, organisation, role))


def first_administrator(enclave: Enclave) -> str:
    """The token of the first administrator, for an enclave in which there is nobody yet. Raises NameTaken."""
    if enclave.ledger.people():
        raise NameTaken("People are enrolled already; an administrator enrols the next.")
    person = Person(FIRST_ADMINISTRATOR, enclave.settings.name, Role.ADMINISTRATOR)
    return _add(enclave, None, person)[1]


def _add(enclave: Enclave, actor: Person | None, person: Person) -> tuple[Person, str]:
    token = new_token()
    enclave.ledger.add_person(person, token_digest(token), entry(enclave, actor, "person.enrolled", {}))
    return person, token


def _person(enclave: Enclave, name: str, organisation: str, role: str) -> Person:
    if not _NAME.fullmatch(name):
        raise MalformedRequest(
            "name takes 1 to 63 of a-z, 0-9, dot, hyphen, underscore and @, beginning with a letter or digit.",
            field="name",
        )
    if not is_label(organisation, _ORGANISATION_LIMIT):
        raise MalformedRequest("organisation takes 1 to 200 printable characters.", field="organisation")
    if role not in set(Role):
        raise MalformedRequest("role is one of those listed.", field="role", allowed=[item.value for item in Role])
    if name == enclave.settings.name:
        # Entries of the enclave itself carry its name as the actor.
        raise NameTaken("This is the enclave's own name.")
    return Person(name, organisation, Role(role))
