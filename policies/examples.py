"""The rules by example: TOML files beside the policies, run by `sandbox policy test` and by the tests.

A file has `[people.KEY]` and `[grants.KEY]`, and any number of `[[example]]`: `words`, `person`, `action`, what else the
request names, `grants` (keys; `KEY:revoked`, `KEY:frozen`, `KEY:used=3` tell how they stand), and what is expected:
`expect` ("permit" or the code of a refusal), `policy` (the deciding one), and where grants allow it `allowing`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from policies.decide import Explanation, decide, explain
from policies.request import AccessRequest, Permit
from policies.roles import Action
from policies.rulebook import RULEBOOK, Rulebook
from policies.texts import texts
from sandbox.terms.people import Aggregate, Grant, GrantStanding, Person, ReviewDuty, Role
from sandbox.terms.refusal import Fault

_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
_TERM = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Example:
    """One request with the grants at hand, and what must come of it. `name` is "file: words"."""

    name: str
    request: AccessRequest
    standings: tuple[GrantStanding, ...]
    expect: str
    policy: str
    allowing: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Failure:
    """An example that the rules do not keep: what it expects, and what came."""

    name: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.name}: expected {self.expected}, found {self.found}"


def examples(files: Mapping[str, str] | None = None) -> list[Example]:
    """All examples, of the package's files or of `files` (texts by name).

    Raises:
        ValueError, KeyError: a file that is not of the form above.
    """
    found = []
    for name, text in (texts("examples", ".toml") if files is None else files).items():
        document = tomllib.loads(text)
        people = {key: _person(key, **values) for key, values in document.get("people", {}).items()}
        grants = {key: _grant(key, **values) for key, values in document.get("grants", {}).items()}
        found += [_example(name, people, grants, **values) for values in document["example"]]
    return found


def run(rulebook: Rulebook = RULEBOOK, files: Mapping[str, str] | None = None) -> list[Failure]:
    """The examples that fail; none is good. An error of the policies fails the examples it concerns."""
    failures = []
    for example in examples(files):
        expected = _says(example.expect, example.policy, example.allowing)
        found = _found(example, rulebook)
        if found != expected:
            failures.append(Failure(example.name, expected, found))
    return failures


def _found(example: Example, rulebook: Rulebook) -> str:
    try:
        decision = decide(example.request, example.standings, rulebook=rulebook)
        why: Explanation = explain(example.request, example.standings, rulebook=rulebook)
    except Fault as fault:
        return fault.code
    if isinstance(decision, Permit):
        allowing = tuple(grant.id for grant in decision.grants) if example.allowing is not None else None
        return _says("permit", why.policies[0], allowing)
    return _says(decision.code, why.policies[0], None)


def _says(outcome: str, policy: str, allowing: tuple[str, ...] | None) -> str:
    return f"{outcome} by {policy}" + (f" under {', '.join(allowing)}" if allowing else "")


def _person(key: str, *, role: str, organisation: str, identity: str = "", name: str = "") -> Person:
    return Person(name or key, organisation, Role(role), identity)


def _grant(
    key: str,
    *,
    analyst: str,
    organisation: str,
    columns: list[str],
    purpose: str,
    aggregates: tuple[str, ...] = tuple(Aggregate),
    uses: int | None = None,
    not_before: datetime = _AT - _TERM,
    not_after: datetime = _AT + _TERM,
    tables: tuple[str, ...] = (),
) -> Grant:
    """Tables and datasets follow from the columns, unless more tables are named."""
    all_tables = sorted({name.rsplit(".", 1)[0] for name in columns} | set(tables))
    datasets = sorted({name.split(".")[0] for name in all_tables})
    return Grant(
        key,
        1,
        analyst,
        organisation,
        tuple(datasets),
        tuple(all_tables),
        tuple(sorted(columns)),
        tuple(Aggregate(name) for name in aggregates),
        purpose,
        Fraction(1),
        uses,
        ReviewDuty.PROFILE,
        not_before,
        not_after,
        given_by="sue",
        request="gr_" + key,
    )


def _standing(grants: Mapping[str, Grant], text: str) -> GrantStanding:
    key, _, how = text.partition(":")
    standing = GrantStanding(grants[key])
    match how.split("="):
        case [""]:
            return standing
        case ["revoked"]:
            return replace(standing, revoked=True)
        case ["frozen"]:
            return replace(standing, frozen=True)
        case ["used", number]:
            return replace(standing, used=int(number))
        case _:
            raise ValueError(f"{text}: a grant stands as revoked, frozen or used=NUMBER")


def _example(
    file: str,
    people: Mapping[str, Person],
    held: Mapping[str, Grant],
    /,
    *,
    words: str,
    person: str,
    action: str,
    expect: str,
    policy: str,
    **values: Any,
) -> Example:
    standings = tuple(_standing(held, text) for text in values.pop("grants", ()))
    allowing = values.pop("allowing", None)
    author = values.pop("author", None)
    lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
    if "aggregates" in lists:
        lists["aggregates"] = tuple(Aggregate(name) for name in lists["aggregates"])
    request = AccessRequest(
        people[person],
        Action(action),
        author=people[author] if author is not None else None,
        **{"at": _AT, **values, **lists},
    )
    return Example(
        f"{file}: {words}", request, standings, expect, policy, None if allowing is None else tuple(allowing)
    )
