"""The books of freezes: what was stopped, by whom, and which two officers let it go on."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from sandbox.proof.books_accounts import Accounts
from sandbox.proof.books_people import People
from sandbox.proof.facts import Facts
from sandbox.proof.report import Finding
from sandbox.terms.people import Role, Subject


@dataclass(slots=True)
class _Freeze:
    subject: str
    name: str
    index: int
    asked_by: str | None = None  # the human behind the first consent to lift


@dataclass(slots=True)
class Freezes:
    """Every freeze, and those in force. `grants` holds the ids of the grants given so far."""

    people: People
    accounts: Accounts
    grants: Container[str]
    _freezes: dict[str, _Freeze] = field(default_factory=dict)
    _in_force: dict[tuple[str, str], _Freeze] = field(default_factory=dict)

    def set(self, facts: Facts) -> None:
        """freeze.set: by an officer, or by the enclave itself."""
        freeze, subject, name = facts.text("freeze"), facts.one_of("subject", Subject), facts.text("name")
        facts.text("reason")
        if not self.people.is_enclave(facts.actor):
            self.people.acting(facts, Role.OFFICER)
        if not self._exists(subject, name):
            raise facts.wrong(f"freezes a {subject} that there is not")
        if freeze in self._freezes or (subject, name) in self._in_force:
            raise facts.wrong("freezes what is frozen already, or under an id that is taken")
        self._freezes[freeze] = self._in_force[subject, name] = _Freeze(subject, name, facts.index)

    def lift_asked(self, facts: Facts) -> None:
        """freeze.lift-asked: the first consent."""
        freeze, officer = self._lifting(facts)
        if freeze.asked_by is not None:
            raise facts.wrong("asks to lift a freeze for the second time")
        freeze.asked_by = officer

    def lifted(self, facts: Facts) -> None:
        """freeze.lifted: the second consent, by another human."""
        freeze, officer = self._lifting(facts)
        if freeze.asked_by in (None, officer):
            raise facts.wrong("lifts a freeze to which no other officer had consented")
        del self._in_force[freeze.subject, freeze.name]

    def check(self, facts: Facts, *, person: str = "", grant: str = "", datasets: Iterable[str] = ()) -> None:
        """That none of these is frozen."""
        named = ((Subject.DATASET, dataset) for dataset in datasets)
        for subject, name in ((Subject.PERSON, person), (Subject.GRANT, grant), *named):
            if (subject.value, name) in self._in_force:
                raise facts.wrong(f"goes on although the {subject.value} {name} is frozen")

    def finding(self) -> Finding | None:
        """Freezes in force at the end."""
        indexes = [freeze.index for freeze in self._in_force.values()]
        return Finding("frozen", len(indexes), min(indexes)) if indexes else None

    def _exists(self, subject: str, name: str) -> bool:
        if subject == Subject.PERSON:
            return self.people.knows(name)
        return name in self.grants if subject == Subject.GRANT else self.accounts.knows(name)

    def _lifting(self, facts: Facts) -> tuple[_Freeze, str]:
        freeze = self._freezes.get(facts.text("freeze"))
        facts.text("reason")
        if freeze is None or self._in_force.get((freeze.subject, freeze.name)) is not freeze:
            raise facts.wrong("lifts a freeze that is not in force")
        return freeze, self.people.acting(facts, Role.OFFICER).human
