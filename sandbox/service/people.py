"""Enrolling people, and what they are told of themselves."""

import re
import unicodedata
from collections.abc import Sequence

from policies.conflicts import conflict
from policies.roles import Action
from sandbox.service.access import is_frozen, require
from sandbox.service.audit import entry, is_label
from sandbox.service.enclave import Enclave
from sandbox.service.identity import new_token, token_digest
from sandbox.service.people_views import MeView
from sandbox.terms.people import Person, Role
from sandbox.terms.refusal import MalformedRequest, NameTaken, RoleConflict

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}")
_LABEL_LIMIT = 200
FIRST_ADMINISTRATOR = "administrator"


def enrol(
    enclave: Enclave, actor: Person, name: str, organisation: str, role: str, identity: str = ""
) -> tuple[Person, str]:
    """Enrol somebody; the token is returned this once and not kept. `identity` says which human it is, where one holds
    several names.

    Raises:
        RoleNotPermitted, Frozen, MalformedRequest (also for another spelling of an organisation or identity that is
        enrolled), NameTaken, RoleConflict (this human may not hold this role with
        those they have), AuditUnavailable.
    """
    require(enclave, actor, Action.ENROL_PERSON)
    person = _person(enclave, name, organisation, role, identity)
    with enclave.desk.lock:  # two enrolments of one human at a time would not see each other
        others = enclave.ledger.people()
        _check_spelling(others, person)
        _check_roles(others, person)
        return _add(enclave, actor, person)


def first_administrator(enclave: Enclave) -> str:
    """The token of the first administrator, for an enclave in which there is nobody yet. Raises NameTaken."""
    if enclave.ledger.people():
        raise NameTaken("People are enrolled already; an administrator enrols the next.")
    person = Person(FIRST_ADMINISTRATOR, enclave.settings.name, Role.ADMINISTRATOR)
    return _add(enclave, None, person)[1]


def me(enclave: Enclave, actor: Person) -> MeView:
    """Who the actor is: the one look that a frozen person keeps."""
    keys = tuple(keys.id for keys in enclave.ledger.keys(actor.name))
    return MeView(actor, keys, is_frozen(enclave, actor))


def _add(enclave: Enclave, actor: Person | None, person: Person) -> tuple[Person, str]:
    token = new_token()
    enclave.ledger.add_person(person, token_digest(token), entry(enclave, actor, "person.enrolled", {}))
    return person, token


def _check_spelling(people: Sequence[Person], person: Person) -> None:
    """Who reviews for whom goes by organisation and human, letter by letter: so one of them has one spelling."""
    for field, name, known in (
        ("organisation", person.organisation, {other.organisation for other in people}),
        ("identity", person.human, {other.human for other in people}),
    ):
        same = next((other for other in known if other != name and _read(other) == _read(name)), None)
        if same is not None:
            raise MalformedRequest(f'{field} is enrolled already as "{same}": spell it the same way.', field=field)


def _read(text: str) -> str:
    """A name as people read it: without case, width, composition and the number of spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def _check_roles(people: Sequence[Person], person: Person) -> None:
    if any(other.name == person.name for other in people):
        raise NameTaken
    clash = conflict(person.role, [other.role for other in people if other.human == person.human])
    if clash is not None:
        raise RoleConflict(
            f"This person is enrolled as {clash.value} and may not also be {person.role.value}.",
            role=person.role.value,
            held=clash.value,
        )


def _person(enclave: Enclave, name: str, organisation: str, role: str, identity: str) -> Person:
    if not _NAME.fullmatch(name):
        raise MalformedRequest(
            "name takes 1 to 63 of a-z, 0-9, dot, hyphen, underscore and @, beginning with a letter or digit.",
            field="name",
        )
    if not is_label(organisation, _LABEL_LIMIT):
        raise MalformedRequest(f"organisation takes 1 to {_LABEL_LIMIT} printable characters.", field="organisation")
    if identity and not is_label(identity, _LABEL_LIMIT):
        raise MalformedRequest(f"identity takes up to {_LABEL_LIMIT} printable characters.", field="identity")
    if role not in set(Role):
        raise MalformedRequest("role is one of those listed.", field="role", allowed=[item.value for item in Role])
    if name == enclave.settings.name:
        # Entries of the enclave itself carry its name as the actor.
        raise NameTaken("This is the enclave's own name.")
    return Person(name, organisation, Role(role), identity)
