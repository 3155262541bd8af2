"""Whatever anybody tries, in any order: what the ledger writes never breaks the law of the books.

The law (`sandbox.proof.books`) is written apart from the ledger; an entry that it refuses would keep the enclave sealed at
its next start, so the ledger must refuse first.
"""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_world import (
    DIGEST,
    ROLES,
    a_grant,
    a_person,
    a_release,
    a_request,
    a_vote,
    add_analyst,
    add_dataset,
    add_person,
    add_request,
    commit,
    entry,
    forfeit,
    freeze,
    give_grant,
    keys_of,
    open_sqlite,
    reservation,
    reserved,
    reused,
    seed,
)

from sandbox.adapters import books
from sandbox.terms.dataset import Version
from sandbox.terms.people import Aggregate, ReviewDuty, Role
from sandbox.terms.refusal import Refusal

NAMES = ["ann", "bob", "rex", "rita-too", "bureau-reviews", *ROLES]
OTHER_DIGEST = sha256(b"under other policies").hexdigest()

number = st.integers(0, 3)
name = st.sampled_from(NAMES)
grant = st.sampled_from(["g-ann", "g-bob", "g-0", "g-1"])
dataset = st.sampled_from(["clinic", "dentist"])
outcome = st.sampled_from(["automatic", "sampled", "held", "held"])
decision = st.sampled_from([None, "approved", "rejected"])
round_ = st.sampled_from(["independent", "independent", "consolidation", "third", "afterwards"])
verdict = st.sampled_from(["approve", "approve", "reject"])


def _reserve(ledger: Any, n: int, by: str, under: str, of: str, again: bool) -> None:
    key = keys_of(by).id
    asked = reservation(n, person=by, grant=under, dataset=of, key=key)
    if again:
        renamed = replace(
            asked, query=f"q{n}-{ledger.size()}", order=f"o{n}-{ledger.size()}", idempotency_key=f"{ledger.size()}"
        )
        ledger.reuse(renamed, reused(n))
    else:
        ledger.reserve(asked, reserved(n))


def _vote(ledger: Any, n: int, by: str, said: str, due: str, brings: str | None, other: bool) -> None:
    person = ledger.person(by)
    ballot = replace(
        a_vote(f"rr-o{n}", "rita", said, due),
        reviewer=by,
        human=person.human,
        organisation=person.organisation,
        digest=OTHER_DIGEST if other else DIGEST,
    )
    review = ledger.review(f"rr-o{n}")
    ledger.vote(ballot, len(review.votes) if review else 0, brings, entry("review.voted", actor=by))


def _close(ledger: Any, n: int, how: str, by: str) -> None:
    ledger.close_review(f"rr-o{n}", how, entry("review.closed", actor=by))


def _release(ledger: Any, n: int, m: int, by: str) -> None:
    made = replace(a_release(n), review=f"rr-o{m}", key=keys_of(by).id)
    ledger.release(made, entry("release.released"))


def _give(ledger: Any, n: int, by: str, duty: ReviewDuty, uses: int | None, wide: bool) -> None:
    aggregates = (Aggregate.COUNT, Aggregate.SUM) if wide else (Aggregate.COUNT,)
    made = a_grant(name=f"g-{n}", given_by=by, review=duty, uses=uses, aggregates=aggregates)
    give_grant(ledger, made)


def _decline(ledger: Any, n: int, by: str) -> None:
    ledger.decline_grant_request(f"r-{n}", "Ask for less.", entry("grant.declined", actor=by))


def _revoke(ledger: Any, of: str, by: str) -> None:
    ledger.revoke_grant(of, "The project ended.", entry("grant.revoked", actor=by))


def _lift(ledger: Any, n: int, by: str) -> None:
    said = entry("freeze.lift-asked", actor=by)
    ledger.lift(f"f{n}", a_person(by) if by in ROLES else ledger.person(by), "It was nothing.", said)


VERBS: dict[Callable[..., Any], tuple[st.SearchStrategy[Any], ...]] = {
    _reserve: (number, st.sampled_from(["ann", "bob"]), grant, dataset, st.booleans()),
    lambda ledger, n, how, votes: commit(ledger, f"o{n}", outcome=how, votes=votes): (number, outcome, st.sampled_from([1, 2])),
    lambda ledger, n: forfeit(ledger, f"o{n}"): (number,),
    _vote: (number, name, verdict, round_, decision, st.sampled_from([False, False, True])),
    _close: (number, st.sampled_from(["withdrawn", "lapsed"]), st.sampled_from(["ann", "bob", "enclave", "rita"])),
    _release: (number, number, st.sampled_from(["ann", "bob"])),
    lambda ledger, n, uses: add_request(ledger, a_request(name=f"r-{n}", uses=uses)): (number, st.sampled_from([None, 2])),
    _give: (number, name, st.sampled_from(list(ReviewDuty)), st.sampled_from([None, 1, 3]), st.booleans()),
    _decline: (number, name),
    _revoke: (grant, name),
    lambda ledger, what, n, by: freeze(ledger, what[0], what[1], n, by): (
        st.sampled_from([("person", "ann"), ("person", "bureau"), ("person", "rita"), ("grant", "g-ann"), ("dataset", "clinic")]),
        number,
        st.sampled_from(["olga", "omar", "rita", "enclave"]),
    ),
    _lift: (number, name),
    lambda ledger: ledger.append(entry("enclave.started", {"clock": {"on": True}, "network": "private"})): (),
}  # fmt: skip

STEPS = st.lists(
    st.one_of([st.tuples(st.just(verb), *arguments) for verb, arguments in VERBS.items()]), min_size=5, max_size=60
)

LIKELY = [
    (_reserve, (0, "ann", "g-ann", "clinic", False)),
    (_reserve, (1, "ann", "g-ann", "clinic", False)),
    (_reserve, (2, "bob", "g-bob", "dentist", False)),
    (lambda ledger: commit(ledger, "o0", outcome="held"), ()),
    (lambda ledger: commit(ledger, "o2", outcome="sampled"), ()),
]
"""So that something is there to be decided."""


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_what_is_written_is_lawful(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_sqlite(Path(folder))
        seed(ledger)
        add_dataset(ledger, "dentist")
        ledger.add_version(Version("dentist", 1, "ab" * 32), entry("version.loaded", actor="bureau"))
        add_analyst(ledger, "bob", ("clinic", "dentist"))
        add_person(ledger, "rex", Role.REVIEWER, organisation="acme")
        add_person(ledger, "rita-too", Role.REVIEWER, identity="rita")
        add_person(ledger, "bureau-reviews", Role.REVIEWER, identity="bureau")
        for verb, arguments in LIKELY:
            verb(ledger, *arguments)
        for verb, *arguments in steps:
            with suppress(Refusal, ValueError):
                verb(ledger, *arguments)
        books.verify(ledger)
        ledger.close()
