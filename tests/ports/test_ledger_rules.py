"""The database's own rules: plain SQL cannot store what must never be, whoever writes it.

Each case is refused by the rule it names; its control is the same SQL with that one rule dropped, which is accepted.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_world import (
    a_grant,
    a_request,
    add_analyst,
    add_dataset,
    add_grant,
    add_person,
    add_public,
    add_request,
    add_version,
    approve,
    commit,
    decline,
    entry,
    forfeit,
    freeze,
    held,
    keys_of,
    lift,
    open_sqlite,
    release,
    reservation,
    reserved,
    revoke,
    seed,
    sources,
    vote,
)

from sandbox.adapters.sqlite_rules import ADD_ONLY, RULES
from sandbox.terms.dataset import Version
from sandbox.terms.people import Role, UnderGrant

OLDER = {
    "entries_have_no_gap",
    "hashes_have_no_gap",
    "checkpoint_covers_every_entry",
    "checkpoint_stays",
    "accounts_stay",
    "accounts_start_unspent",
    "limits_are_fixed",
    "spending_never_falls",
    "versions_grow",
    "a_query_has_its_accounts",
    "only_committed_answers_are_reused",
    "only_reservations_are_settled",
}
"""Tried in test_ledger_sqlite."""


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A plain connection to a ledger in which nearly everything has happened."""
    folder = tmp_path_factory.mktemp("rules")
    ledger = open_sqlite(folder)
    seed(ledger)
    for name, human in (("rita-too", "rita"), ("olga-too", "olga")):
        add_person(ledger, name, Role.REVIEWER if human == "rita" else Role.OFFICER, identity=human)
    add_person(ledger, "rex", Role.REVIEWER, organisation="acme")
    add_person(ledger, "bureau-too", Role.REVIEWER, identity="bureau")
    for name in ("sid", "sue"):
        add_person(ledger, name, Role.STEWARD)
    add_person(ledger, "bureau-reviews", Role.REVIEWER, identity="bureau")
    add_dataset(ledger, "dentist")
    ledger.add_version(Version("dentist", 1, "ab" * 32), entry("version.loaded", actor="bureau"))
    for name in ("bob", "cid", "dan", "eva"):
        add_analyst(ledger, name, ("clinic", "dentist") if name == "dan" else ("clinic",))
    add_grant(ledger, a_grant(name="g-one", uses=1))
    add_request(ledger, a_request(name="r-open"))
    add_request(ledger, a_request(name="r-no"))
    decline(ledger, "r-no")
    for number in (1, 2, 3, 4):  # 1 out, 2 forfeited, 3 and 4 only reserved
        ledger.reserve(reservation(number), reserved(number))
    commit(ledger, "o1")
    forfeit(ledger, "o2")
    release(ledger, 1)
    ledger.reserve(reservation("one", grant="g-one"), reserved("one"))
    commit(ledger, "oone", outcome="sampled")
    approve(ledger, held(ledger, 10))
    vote(ledger, held(ledger, 11), "rita")
    held(ledger, 12)
    vote(ledger, held(ledger, 13, votes=1), "ron", "reject", decision="rejected")
    ledger.reserve(reservation("dan", person="dan", grant="g-dan", dataset="dentist"), reserved("dan"))
    for name in ("bob", "cid", "eva"):
        ledger.reserve(reservation(name, person=name, grant=f"g-{name}"), reserved(name))
    for name in ("eye", "areas", "zones"):
        add_dataset(ledger, name) if name == "eye" else add_public(ledger, name)
        add_version(ledger, name)
    for name, further in (("fay", "areas"), ("gus", "zones")):
        add_analyst(ledger, name, ("clinic", "eye"))
        also = sources(*sorted((further, "eye")))
        ledger.reserve(reservation(name, person=name, grant=f"g-{name}", also=also), reserved(name))
    for name in ("bob", "cid", "dan", "eva", "fay", "gus"):
        commit(ledger, f"o{name}")
    # hal asks under two grants: of the clinic, and of the eye hospital
    add_analyst(ledger, "hal")
    for name, datasets in (
        ("eye", ("eye",)),
        ("too", ("clinic",)),
        ("both", ("eye",)),
        ("gone", ("clinic",)),
        ("cold", ("clinic",)),
    ):
        add_grant(ledger, a_grant("hal", f"g-hal-{name}", datasets))
    further = {"also": sources("eye"), "also_under": (UnderGrant("g-hal-eye", 1),)}
    for number, outcome in (("hal", "automatic"), ("hal2", "held")):
        ledger.reserve(reservation(number, person="hal", grant="g-hal", **further), reserved(number))
        commit(ledger, f"o{number}", outcome=outcome)
    revoke(ledger, "g-hal-gone")
    freeze(ledger, "grant", "g-hal-cold", 7)
    add_version(ledger, "eye", 2)
    freeze(ledger, "dataset", "zones", 6)
    revoke(ledger, "g-bob")
    freeze(ledger, "person", "cid", 1)
    freeze(ledger, "dataset", "dentist", 2)
    freeze(ledger, "grant", "g-eva", 3)
    lift(ledger, "olga", 3)
    freeze(ledger, "person", "sue", 4)
    freeze(ledger, "person", "rosa", 5)
    ledger.close()
    connection = sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")
    yield connection
    connection.close()


def attempt(raw: sqlite3.Connection, statements: tuple[str, ...], *, without: str | None = None) -> str | None:
    """What the database says to the last of these statements; the others must pass. Nothing stays."""
    raw.execute("BEGIN")
    try:
        if without is not None:
            raw.execute(f"DROP TRIGGER {without}")
        for statement in statements[:-1]:
            raw.execute(statement)
        try:
            raw.execute(statements[-1])
        except sqlite3.IntegrityError as refused:
            return str(refused)
        return None
    finally:
        raw.execute("ROLLBACK")


def grant(request: str, giver: str = "bureau") -> str:
    return (
        f"INSERT INTO grants SELECT 'g-9', 1, analyst, '{request}', NULL, '{giver}', document, signature, 0 "
        "FROM grants WHERE id = 'g-ann'"
    )


def query(grant: str, person: str, dataset: str = "clinic", use: str = "", key: str = "", of: str = "") -> str:
    """A query row that differs from an earlier one of its grant only as said."""
    next_use = use or f"(SELECT max(use) + 1 FROM queries WHERE grant_id = '{grant}')"
    return (
        f"INSERT INTO queries SELECT 'q99', 'o99', '{person}', '{grant}', {next_use}, '{dataset}', space, "
        f"'{key or keys_of(person).id}', mode, {0 if of else 1}, 0, {of or 'NULL'}, answer_key, randomblob(32), body, "
        f"request, accepted_at, visible_at, 0, mac FROM queries WHERE grant_id = '{grant}' ORDER BY entry LIMIT 1"
    )


def also(dataset: str, version: int = 1, query: str = "q99") -> str:
    return f"INSERT INTO also_read VALUES ('{query}', '{dataset}', {version})"


def under(grant: str, use: str = "", query: str = "q99") -> str:
    """A further grant of a query: its next use."""
    last = "(SELECT coalesce(max(use), 0) FROM {} WHERE grant_id = '" + grant + "')"
    next_use = use or f"max({last.format('queries')}, {last.format('also_under')}) + 1"
    return f"INSERT INTO also_under SELECT '{query}', '{grant}', {next_use}, ''"


def ballot(
    review: str,
    reviewer: str,
    place: int,
    round_: str = "independent",
    verdict: str = "approve",
    digest: str = "",
    entry: int | str = 0,
) -> str:
    said = f"'{digest}'" if digest else "digest"
    return (
        f"INSERT INTO votes SELECT id, {place}, '{reviewer}', '{verdict}', 'why', '{round_}', {said}, 'at', {entry}, '' "
        f"FROM reviews WHERE id = '{review}'"
    )


def released(order: str, review: str, query: str, key: str = "ann") -> str:
    return f"INSERT INTO releases VALUES ('{order}', '{query}', '{review}', '{keys_of(key).id}', '[]', x'00', 0)"


def decided(review: str, outcome: str, entry: str = "0") -> str:
    return f"INSERT INTO decisions VALUES ('{review}', '{outcome}', {entry})"


OPENED = "INSERT INTO reviews VALUES ('rr-9', '{}', 'held', 1, '[]', 'p', 'd', {})"
ANSWERED = "INSERT INTO settlements VALUES ('{}', 'committed', x'00', {})"
FORFEITED = "INSERT INTO settlements VALUES ('o3', 'forfeited', NULL, 0)"
NEWEST = "(SELECT max(position) FROM entries)"
LIFTED = "INSERT INTO lifts VALUES ('{}', {}, '{}', 'why', 0)"
FROZEN = "INSERT INTO freezes VALUES ('f9', '{}', '{}', 'olga', 'why', 'at', 0, '')"
ENROLLED = "INSERT INTO people VALUES ('new', 'acme', '{}', '{}', randomblob(32), 0, '')"
AUTOMATIC = (ANSWERED.format("o3", 0), "INSERT INTO reviews VALUES ('rr-9', 'o3', 'automatic', 0, '[]', 'p', 'd', 0)")

CASES: list[tuple[str, tuple[str, ...]]] = [
    ("roles_of_one_human_go_together", (ENROLLED.format("reviewer", "ann"),)),
    ("roles_of_one_human_go_together", (ENROLLED.format("officer", "rita"),)),
    ("roles_of_one_human_go_together", (ENROLLED.format("administrator", "bureau"),)),
    # grants
    ("a_granted_request_is_not_declined", ("INSERT INTO declines VALUES ('r-ann', 'no', 'bureau', 0)",)),
    ("a_declined_request_is_not_granted", (grant("r-no"),)),
    ("nobody_grants_their_own_request", (grant("r-open", "ann"),)),
    ("nobody_declines_their_own_request", ("INSERT INTO declines VALUES ('r-open', 'no', 'ann', 0)",)),
    ("nobody_frozen_grants", (grant("r-open", "sue"),)),
    # freezes
    ("a_freeze_names_what_is_there", (FROZEN.format("person", "nobody"),)),
    ("a_freeze_names_what_is_there", (FROZEN.format("grant", "clinic"),)),
    ("a_freeze_names_what_is_there", (FROZEN.format("dataset", "nowhere"),)),
    ("what_is_frozen_is_not_frozen_again", (FROZEN.format("grant", "g-eva"),)),
    ("an_officer_lifts", (LIFTED.format("f1", 1, "rita"),)),
    ("two_humans_lift_a_freeze", (LIFTED.format("f3", 2, "olga"),)),
    ("two_humans_lift_a_freeze", (LIFTED.format("f3", 2, "olga-too"),)),
    ("two_humans_lift_a_freeze", (LIFTED.format("f1", 2, "omar"),)),
    # queries
    ("uses_are_numbered_and_limited", (query("g-one", "ann"),)),
    ("uses_are_numbered_and_limited", (query("g-one", "ann", of="'qone'"),)),
    ("uses_are_numbered_and_limited", (query("g-ann", "ann", use="77"),)),
    ("no_query_under_a_revoked_grant", (query("g-bob", "bob"),)),
    ("no_query_under_a_revoked_grant", (query("g-bob", "bob", of="'qbob'"),)),
    ("no_query_of_what_is_frozen", (query("g-cid", "cid"),)),
    ("no_query_of_what_is_frozen", (query("g-cid", "cid", of="'qcid'"),)),
    ("no_query_of_what_is_frozen", (query("g-dan", "dan", "dentist"),)),
    ("no_query_of_what_is_frozen", (query("g-eva", "eva"),)),
    ("no_query_of_what_is_frozen", (also("zones"), query("g-fay", "fay"))),
    ("what_is_also_read_comes_first", (also("areas", query="q1"),)),
    ("a_query_has_its_accounts", (also("clinic"), query("g-ann", "ann"))),
    ("further_datasets_are_granted_or_public", (also("eye"), query("g-ann", "ann"))),
    ("only_committed_answers_are_reused", (query("g-fay", "fay", of="'qfay'"),)),
    ("only_committed_answers_are_reused", (also("eye"), query("g-fay", "fay", of="'qfay'"))),
    ("only_committed_answers_are_reused", (also("eye", 2), also("areas"), query("g-fay", "fay", of="'qfay'"))),
    ("only_committed_answers_are_reused", (also("areas"), query("g-ann", "ann", of="'q1'"))),
    ("what_is_also_asked_under_comes_first", (under("g-hal-eye", query="q1"),)),
    ("a_query_has_its_accounts", (under("g-hal"), query("g-hal", "hal", use="4"))),
    ("further_datasets_are_granted_or_public", (also("eye"), under("g-hal-too"), query("g-hal", "hal"))),
    ("further_grants_are_the_persons", (also("eye"), under("g-fay"), query("g-hal", "hal"))),
    ("no_grant_is_charged_for_nothing", (under("g-hal-eye"), query("g-hal", "hal"))),
    ("further_uses_are_numbered_and_limited", (under("g-hal-eye", use="7"),)),
    ("further_uses_are_numbered_and_limited", (under("g-one"),)),
    ("uses_are_numbered_and_limited", (under("g-hal-too"), query("g-hal", "hal", use="77"))),
    ("no_query_under_a_revoked_grant", (under("g-hal-gone"), query("g-hal", "hal"))),
    ("no_query_of_what_is_frozen", (under("g-hal-cold"), query("g-hal", "hal"))),
    ("only_committed_answers_are_reused", (also("eye"), under("g-hal-both"), query("g-hal", "hal", of="'qhal'"))),
    # reviews
    ("a_review_opens_with_its_answer", (ANSWERED.format("o3", 0), ANSWERED.format("o4", 1), OPENED.format("o3", 1))),
    ("a_review_opens_with_its_answer", (FORFEITED, OPENED.format("o3", 0))),
    ("votes_are_numbered", (ballot("rr-o11", "ron", 3),)),
    ("a_reviewer_votes", (ballot("rr-o11", "omar", 2),)),
    ("a_reviewer_votes", (ballot("rr-o11", "sid", 2),)),
    ("no_vote_for_oneself_or_ones_own", (ballot("rr-o11", "rex", 2),)),
    ("nobody_votes_under_a_grant_they_gave", (ballot("rr-o11", "bureau-too", 2),)),
    ("nobody_votes_under_a_grant_they_gave", (ballot("rr-o11", "bureau-reviews", 2),)),
    ("nobody_frozen_votes", (ballot("rr-o11", "rosa", 2),)),
    ("one_human_one_vote_in_a_round", (ballot("rr-o11", "rita", 2),)),
    ("one_human_one_vote_in_a_round", (ballot("rr-o11", "rita-too", 2),)),
    ("no_vote_on_what_is_decided", (ballot("rr-o10", "ron", 3, "third"),)),
    ("no_vote_on_what_is_decided", (ballot("rr-o13", "rita", 2),)),
    ("no_vote_on_what_is_decided", (ballot("rr-o1", "rita", 1),)),
    ("no_vote_on_what_is_decided", (ballot("rr-oone", "rita", 1),)),
    ("afterwards_is_for_samples", (ballot("rr-o11", "ron", 2, "afterwards"),)),
    ("afterwards_is_for_samples", (ballot("rr-o1", "ron", 1, "afterwards"),)),
    ("unheld_reviews_are_approved_at_once", (*AUTOMATIC, decided("rr-9", "rejected"))),
    ("unheld_reviews_are_approved_at_once", (*AUTOMATIC, decided("rr-9", "approved", "1"))),
    ("held_reviews_are_decided_by_their_votes", (decided("rr-o12", "approved"),)),
    ("held_reviews_are_decided_by_their_votes", (decided("rr-o12", "rejected"),)),
    (
        "held_reviews_are_decided_by_their_votes",
        (decided("rr-o11", "approved", "(SELECT max(entry) FROM votes WHERE review = 'rr-o11')"),),
    ),
    (  # two votes that disagree
        "held_reviews_are_decided_by_their_votes",
        (ballot("rr-o12", "rita", 1), ballot("rr-o12", "ron", 2, verdict="reject", entry=1), decided("rr-o12", "approved", "1")),
    ),
    (  # two votes of one human
        "held_reviews_are_decided_by_their_votes",
        (
            ballot("rr-o12", "rita", 1),
            ballot("rr-o12", "rita-too", 2, "consolidation", entry=1),
            decided("rr-o12", "approved", "1"),
        ),
    ),
    (  # two votes on different things
        "held_reviews_are_decided_by_their_votes",
        (
            ballot("rr-o12", "rita", 1, digest="before"),
            ballot("rr-o12", "ron", 2, digest="after", entry=1),
            decided("rr-o12", "approved", "1"),
        ),
    ),
    # releases
    ("no_release_without_its_approval", (released("o11", "rr-o10", "q11"),)),
    ("no_release_without_its_approval", (released("o10", "rr-o10", "q11"),)),
    ("no_release_without_its_approval", (released("o10", "rr-o10", "q10", "bob"),)),
    ("no_release_without_its_approval", (released("o13", "rr-o13", "q13"),)),
    ("no_release_under_a_revoked_grant", (released("obob", "rr-obob", "qbob", "bob"),)),
    ("no_release_of_what_is_frozen", (released("ocid", "rr-ocid", "qcid", "cid"),)),
    ("no_release_of_what_is_frozen", (released("odan", "rr-odan", "qdan", "dan"),)),
    ("no_release_of_what_is_frozen", (released("oeva", "rr-oeva", "qeva", "eva"),)),
    ("no_release_of_what_is_frozen", (released("ogus", "rr-ogus", "qgus", "gus"),)),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "statements"), CASES)
def test_a_rule_refuses_and_without_it_the_row_would_stand(
    raw: sqlite3.Connection, rule: str, statements: tuple[str, ...]
) -> None:
    assert attempt(raw, statements) == rule
    assert attempt(raw, statements, without=rule) is None


def test_every_rule_has_its_case() -> None:
    assert {rule for rule, _ in CASES} | OLDER == set(RULES)


FOREIGN = [
    (query("g-ann", "ann", key=keys_of("bob").id), "keys are the person's"),
    (query("g-ann", "ann", key="k_none"), "keys are registered"),
    (query("g-ann", "ann", dataset="dentist"), "the grant names the dataset"),
    (also("eye", 3), "a source's version was loaded"),
    (released("o12", "rr-o12", "q12"), "a release has a decision"),
    (grant("r-none"), "a grant has a request"),
    (grant("r-bob"), "a request is granted to who asked"),
    (decided("rr-none", "approved"), "a decision has a review"),
]


@pytest.mark.parametrize(("statement", "why"), FOREIGN)
def test_references_hold(raw: sqlite3.Connection, statement: str, why: str) -> None:
    assert attempt(raw, (statement,)) is not None, why


@pytest.mark.parametrize(
    "statement",
    [
        grant("r-ann"),
        "INSERT INTO declines VALUES ('r-no', 'no', 'bureau', 0)",
        "INSERT INTO revocations VALUES ('g-bob', 'again', 0)",
        released("o1", "rr-o1", "q1"),
        decided("rr-o13", "approved"),
        "INSERT INTO reviews VALUES ('rr-9', 'o1', 'held', 1, '[]', 'p', 'd', 0)",
        LIFTED.format("f3", 3, "omar"),
        FROZEN.format("enclave", "all"),
        "INSERT INTO person_keys SELECT id, person, sealing, signing, 0 FROM person_keys",
        "INSERT INTO person_keys VALUES ('k_1', 'ann', x'00', zeroblob(32), 0)",
        "INSERT INTO reviews SELECT 'rr-9', 'o3', 'automatic', 1, '[]', 'p', 'd', 0",
    ],
)
def test_what_happens_once_or_has_a_form_is_kept_by_keys_and_checks(raw: sqlite3.Connection, statement: str) -> None:
    assert attempt(raw, (statement,)) is not None


@pytest.mark.parametrize(
    "statements",
    [
        (ENROLLED.format("steward", "rita"),),
        (ENROLLED.format("reviewer", "someone"),),
        (grant("r-open"),),
        ("INSERT INTO declines VALUES ('r-open', 'no', 'bureau', 0)",),
        (FROZEN.format("grant", "g-ann"),),
        (LIFTED.format("f1", 1, "olga-too"),),
        (LIFTED.format("f3", 2, "omar"), FROZEN.format("grant", "g-eva")),
        (LIFTED.format("f3", 2, "omar"), released("oeva", "rr-oeva", "qeva", "eva")),
        (query("g-ann", "ann"),),
        (query("g-ann", "ann", of="'q1'"),),
        (query("g-dan", "dan", "clinic"),),
        (also("eye"), also("areas"), query("g-fay", "fay")),
        (also("eye"), also("areas"), query("g-fay", "fay", of="'qfay'")),
        (also("areas"), query("g-ann", "ann")),
        (released("ofay", "rr-ofay", "qfay", "fay"),),
        (also("eye"), under("g-hal-eye"), query("g-hal", "hal")),
        (also("eye"), under("g-hal-eye"), query("g-hal", "hal", of="'qhal'")),
        (released("ohal", "rr-ohal", "qhal", "hal"),),
        (ballot("rr-o11", "ron", 2, entry=NEWEST), decided("rr-o11", "approved", NEWEST)),
        (ballot("rr-o11", "rita", 2, digest="after a restart"),),
        (ballot("rr-oone", "ron", 1, "afterwards"),),
        (decided("rr-o12", "withdrawn"),),
        (released("o10", "rr-o10", "q10"),),
        (released("oone", "rr-oone", "qone"),),
        (*AUTOMATIC, decided("rr-9", "approved"), released("o3", "rr-9", "q3")),
    ],
)
def test_control_what_is_right_is_taken(raw: sqlite3.Connection, statements: tuple[str, ...]) -> None:
    assert attempt(raw, statements) is None


def test_a_row_with_further_datasets_debits_each_of_its_accounts_once(raw: sqlite3.Connection) -> None:
    before = _spent(raw)
    raw.execute("BEGIN")
    for statement in (also("eye"), also("areas"), query("g-fay", "fay")):
        raw.execute(statement)
    moved = {owner: units - before[owner] for owner, units in _spent(raw).items() if units != before[owner]}
    raw.execute("ROLLBACK")
    assert moved == dict.fromkeys(
        [("space", "patients"), ("dataset", "clinic"), ("dataset", "eye"), ("grant", "g-fay"), ("analyst", "fay")], 1
    )


def test_a_row_with_a_further_grant_debits_both(raw: sqlite3.Connection) -> None:
    before = _spent(raw)
    raw.execute("BEGIN")
    for statement in (also("eye"), under("g-hal-eye"), query("g-hal", "hal")):
        raw.execute(statement)
    moved = {owner: units - before[owner] for owner, units in _spent(raw).items() if units != before[owner]}
    raw.execute("ROLLBACK")
    assert moved == dict.fromkeys(
        [
            *(("space", "patients"), ("dataset", "clinic"), ("dataset", "eye")),
            *(("grant", "g-hal"), ("grant", "g-hal-eye"), ("analyst", "hal")),
        ],
        1,
    )


def _spent(raw: sqlite3.Connection) -> dict[tuple[str, str], int]:
    return {(kind, owner): units for kind, owner, units in raw.execute("SELECT kind, owner, spent_units FROM accounts")}


def test_what_is_read_belongs_to_a_query(raw: sqlite3.Connection) -> None:
    raw.execute("BEGIN")
    raw.execute(also("eye"))
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        raw.execute("COMMIT")
    raw.execute("ROLLBACK")


@pytest.mark.parametrize(
    "table",
    [table for table in ADD_ONLY if table not in ("ledger", "entries", "entry_facts", "hashes")],
)
def test_rows_are_never_changed_or_removed(raw: sqlite3.Connection, table: str) -> None:
    assert raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0], "control: there is a row to change"
    assert attempt(raw, (f"UPDATE {table} SET rowid = rowid",)) == f"{table}_no_update"
    assert attempt(raw, (f"DELETE FROM {table}",)) == f"{table}_no_delete"
    assert attempt(raw, (f"REPLACE INTO {table} SELECT {_columns(raw, table)} FROM {table}",)) is not None


def _columns(raw: sqlite3.Connection, table: str) -> str:
    return ", ".join(row[1] for row in raw.execute(f"PRAGMA table_info({table})"))


def test_the_ledgers_file_is_where_these_rules_are(raw: sqlite3.Connection) -> None:
    present = {row[0] for row in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")}
    assert set(RULES) < present
    assert Path(raw.execute("PRAGMA database_list").fetchone()[2]).name == "ledger.sqlite"
