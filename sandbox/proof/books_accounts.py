"""The books of accounts: registered datasets, their loaded versions, what each account may spend and has spent."""

from dataclasses import dataclass, field
from typing import TypeAlias

from sandbox.proof.facts import Facts
from sandbox.terms.dataset import Account, Grade
from sandbox.terms.loss import Loss

_AccountKey: TypeAlias = tuple[str, str, str]
"""Space, kind, owner."""

_SOURCE = {"dataset", "data_version", "manifest"}
"""What an entry states of each further dataset."""

_UNDER = {"grant", "grant_version"}
"""What an entry states of each further grant."""

_ORDER = ("space", "dataset", "grant", "analyst")


@dataclass(slots=True)
class _Balance:
    limit: Loss
    spent: Loss


@dataclass(slots=True)
class Accounts:
    """Unit spaces, datasets, versions and balances."""

    _spaces: dict[str, Loss] = field(default_factory=dict)
    _datasets: dict[str, str] = field(default_factory=dict)  # dataset → unit space, "" for a public one
    _core: set[str] = field(default_factory=set)
    _versions: dict[tuple[str, int], str] = field(default_factory=dict)
    _balances: dict[_AccountKey, _Balance] = field(default_factory=dict)

    def registered(self, facts: Facts) -> None:
        """dataset.registered."""
        dataset = facts.text("dataset")
        if dataset in self._datasets:
            raise facts.wrong("registers a dataset for the second time")
        if facts.absent("unit_space"):
            if not (facts.absent("limit") and facts.absent("space")) or facts.text("grade") != Grade.GENERAL:
                raise facts.wrong("gives a public dataset a budget, a unit space or a grade")
            self._datasets[dataset] = ""
            return
        space, limit = facts.text("unit_space"), facts.loss("limit")
        new = facts.maybe("space")
        if new is not None:
            if new.text("name") != space or space in self._spaces:
                raise facts.wrong("defines a unit space that is defined already, or is not the dataset's")
            self._open(facts, (space, "space", space), new.loss("limit"))
        if space not in self._spaces:
            raise facts.wrong("names a unit space that is not defined")
        self._open(facts, (space, "dataset", dataset), limit)
        self._datasets[dataset] = space
        if facts.one_of("grade", Grade) == Grade.CORE:
            self._core.add(dataset)

    def loaded(self, facts: Facts) -> None:
        """version.loaded. A frozen dataset may still be loaded: nothing of it leaves."""
        dataset, version = facts.text("dataset"), facts.number("version")
        if dataset not in self._datasets:
            raise facts.wrong("loads a dataset that is not registered")
        if (dataset, version) in self._versions:
            raise facts.wrong("loads a version for the second time")
        self._versions[dataset, version] = facts.digest("manifest")

    def knows(self, dataset: str) -> bool:
        """Whether it is registered."""
        return dataset in self._datasets

    def has_units(self, dataset: str) -> bool:
        """Whether it is registered, and not public: grants are for such ones."""
        return bool(self._datasets.get(dataset))

    def check_dataset(self, facts: Facts) -> None:
        """That a query names a dataset of its unit space, whose grade lets anything be measured."""
        dataset = facts.text("dataset")
        if self._datasets.get(dataset) != facts.text("space"):
            raise facts.wrong("names a dataset that is not registered in this unit space")
        if dataset in self._core:
            raise facts.wrong("measures data of grade core")
        for further in also(facts):
            name = further.text("dataset")
            if self._datasets.get(name) not in ("", facts.text("space")) or name in self._core or name == dataset:
                raise facts.wrong("reads a further dataset that it may not")

    def charged(self, facts: Facts) -> tuple[str, ...]:
        """The datasets with units that a query reads."""
        further = (item.text("dataset") for item in also(facts))
        return (facts.text("dataset"), *(name for name in further if self._datasets.get(name)))

    def check_version(self, facts: Facts) -> None:
        """That a reservation measures a version as it was loaded."""
        for source in (facts, *also(facts)):
            if self._versions.get((source.text("dataset"), source.number("data_version"))) != source.text("manifest"):
                raise facts.wrong("measures a version that was never loaded")

    def open_grant(self, facts: Facts, grant: str, analyst: str) -> None:
        """The accounts that a grant opens."""
        limits = facts.inner("limits")
        for space in limits.values:
            limit = limits.inner(space)
            self._open(facts, (space, "grant", grant), limit.loss("grant"))
            if limit.maybe("analyst") is not None:
                self._open(facts, (space, "analyst", analyst), limit.loss("analyst"))

    def reserve(self, facts: Facts) -> None:
        """Debit every account that a reservation touches."""
        loss = facts.loss("loss")
        if loss.units < 1:
            raise facts.wrong("reserves nothing")
        space = facts.text("space")
        owners = (
            ("space", space),
            *(("dataset", name) for name in self.charged(facts)),
            *(("grant", name) for name in under(facts)),
            ("analyst", facts.text("person")),
        )
        for kind, owner in owners:
            self._debit(facts, (space, kind, owner), loss)

    def all(self) -> tuple[Account, ...]:
        """Every account, by space, outermost first."""
        ordered = sorted(self._balances.items(), key=lambda item: (item[0][0], _ORDER.index(item[0][1]), item[0][2]))
        return tuple(
            Account(kind, owner, space, balance.limit, balance.spent) for (space, kind, owner), balance in ordered
        )

    def _open(self, facts: Facts, key: _AccountKey, limit: Loss) -> None:
        if key[1] == "space":
            self._spaces[key[0]] = limit
        space = self._spaces.get(key[0])
        if space is None or space.mode is not limit.mode:
            raise facts.wrong("limits an account in a unit space that is not defined, or in another mode than its own")
        if key in self._balances:
            raise facts.wrong("opens an account for the second time")
        self._balances[key] = _Balance(limit, Loss(limit.mode, 0))

    def _debit(self, facts: Facts, key: _AccountKey, loss: Loss) -> None:
        balance = self._balances.get(key)
        if balance is None:
            raise facts.wrong(f"debits the {key[1]} account of {key[2]}, which does not exist")
        if balance.limit.mode is not loss.mode:
            raise facts.wrong("reserves a loss in another mode than its unit space's")
        spent = balance.spent + loss
        if not spent.fits(balance.limit):
            raise facts.wrong(f"takes the {key[1]} account of {key[2]} over its limit")
        balance.spent = spent


def read(facts: Facts) -> tuple[str, ...]:
    """All datasets that a query reads."""
    return (facts.text("dataset"), *(source.text("dataset") for source in also(facts)))


def under(facts: Facts) -> dict[str, int | None]:
    """All grants that a query is asked under with their versions, the first one first; None where the entry names no
    version, as one that reuses an answer."""
    found = facts.objects("also_under")
    names = [item.text("grant") for item in found]
    first = facts.text("grant")
    if names != sorted(set(names) - {first}) or any(set(item.values) != _UNDER for item in found):
        raise facts.wrong("does not list its further grants in order and in form")
    version = facts.number("grant_version") if "grant_version" in facts.values else None
    return {first: version} | {item.text("grant"): item.number("grant_version") for item in found}


def also(facts: Facts) -> tuple[Facts, ...]:
    """The versions of further datasets that a query's entry names: sorted, each once; none where it names none."""
    found = facts.objects("also")
    names = [item.text("dataset") for item in found]
    if names != sorted(set(names)) or any(set(item.values) != _SOURCE for item in found):
        raise facts.wrong("does not list its further datasets in order and in form")
    return found
