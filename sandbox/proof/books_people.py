"""The books of people: who was enrolled as what, which human that is, and which keys are theirs."""

from dataclasses import dataclass, field

from sandbox.proof.facts import Facts
from sandbox.proof.key_pairs import key_id
from sandbox.proof.report import Findings
from sandbox.terms.people import Person, Role

_TOGETHER = frozenset({Role.STEWARD, Role.REVIEWER})
"""The roles that one human may hold at once. Policy may change, a log may not: other pairs are told, not refused."""

_KEY_BYTES = 32


@dataclass(slots=True)
class People:
    """Everybody enrolled, by name, and registered keys, by id."""

    findings: Findings
    _enclave: frozenset[str] = frozenset()
    _people: dict[str, Person] = field(default_factory=dict)
    _roles: dict[str, set[Role]] = field(default_factory=dict)  # human → roles
    _keys: dict[str, str] = field(default_factory=dict)  # key → person

    def created(self, facts: Facts) -> None:
        """enclave.created: entries of the enclave itself carry its name as the actor."""
        if facts.index != 0:
            raise facts.wrong("creates an enclave that exists already")
        self._enclave = frozenset({facts.text("name"), facts.actor})

    def enrolled(self, facts: Facts) -> None:
        """person.enrolled."""
        name, identity = facts.text("name"), facts.values.get("identity", "")
        if name in self._people:
            raise facts.wrong("enrols a name for the second time")
        if not isinstance(identity, str):
            raise facts.wrong("has an identity that is not text")
        person = Person(name, facts.text("organisation"), Role(facts.one_of("role", Role)), identity)
        self._people[name] = person
        roles = self._roles.setdefault(person.human, set())
        roles.add(person.role)
        if len(roles) > 1 and not roles <= _TOGETHER:
            self.findings.note("roles-together", facts.index)

    def keys_registered(self, facts: Facts) -> None:
        """keys.registered: by their owner, under the id that follows from them."""
        person, key = facts.text("person"), facts.text("key")
        if person not in self._people or facts.actor != person:
            raise facts.wrong("registers keys for somebody else, or for nobody enrolled")
        if key in self._keys:
            raise facts.wrong("registers keys for the second time")
        if key != key_id(person, facts.octets("sealing", _KEY_BYTES), facts.octets("signing", _KEY_BYTES)):
            raise facts.wrong("registers keys under an id that is not theirs")
        self._keys[key] = person

    def knows(self, name: str) -> bool:
        """Whether somebody was enrolled under this name."""
        return name in self._people

    def named(self, facts: Facts, name: str, role: Role) -> Person:
        """The person of that name. Raises ProofFailed unless they are enrolled in this role."""
        person = self._people.get(name)
        if person is None or person.role is not role:
            raise facts.wrong(f"names or is by somebody who is not enrolled as {role.value}")
        return person

    def acting(self, facts: Facts, role: Role) -> Person:
        """Whoever wrote the entry, in this role."""
        return self.named(facts, facts.actor, role)

    def is_enclave(self, name: str) -> bool:
        """Whether this actor is the enclave itself."""
        return name in self._enclave

    def check_key(self, facts: Facts) -> str:
        """The key that a query's answer is sealed to: it is its person's."""
        key = facts.text("key")
        if self._keys.get(key) != facts.text("person"):
            raise facts.wrong("names a key that its person never registered")
        return key
