"""The rules of the ledger's database: triggers that refuse a row which must never be, whoever writes it.

Keys and CHECKs say what one row may hold; these say what it may hold beside the others. None of them is what a person is
told: the ledger's methods look first and refuse in words. They hold where a method is wrong, or is not used.
"""

_ALSO = "SELECT 'dataset', dataset FROM also_read WHERE query = NEW.id"
"""Kind and name of the further datasets that a query reads."""

_UNDER = "SELECT grant_id FROM also_under WHERE query = NEW.id"
"""The further grants that a query is asked under."""

_DEBITED = f"""VALUES ('space', NEW.space), ('dataset', NEW.dataset), ('grant', NEW.grant_id), ('analyst', NEW.person)
            UNION ALL {_ALSO} UNION ALL SELECT 'grant', grant_id FROM also_under WHERE query = NEW.id"""  # noqa: S608 - words of this program
"""Kind and owner of each account that a query debits; a public dataset has none."""


def _numbered(table: str) -> str:
    """A grant's uses are counted over both tables: the next one here is one more than the last of either."""
    return f"""BEFORE INSERT ON {table}
        WHEN NEW.use <> 1 + max(coalesce((SELECT max(use) FROM queries WHERE grant_id = NEW.grant_id), 0),
                coalesce((SELECT max(use) FROM also_under WHERE grant_id = NEW.grant_id), 0))
            OR NEW.use > (SELECT uses FROM grants WHERE id = NEW.grant_id)"""  # noqa: S608 - words of this program


RULES = {
    "entries_have_no_gap": """BEFORE INSERT ON entries
        WHEN NEW.position <> (SELECT coalesce(max(position), -1) + 1 FROM entries)""",
    "hashes_have_no_gap": """BEFORE INSERT ON hashes
        WHEN NEW.position <> (SELECT coalesce(max(position), -1) + 1 FROM hashes)""",
    "checkpoint_covers_every_entry": """BEFORE UPDATE ON checkpoint
        WHEN NEW.size <> OLD.size + 1 OR NEW.size <> (SELECT max(position) + 1 FROM entries)""",
    "checkpoint_stays": "BEFORE DELETE ON checkpoint WHEN 1",
    "roles_of_one_human_go_together": """BEFORE INSERT ON people
        WHEN EXISTS (
            SELECT 1 FROM people WHERE human = CASE NEW.identity WHEN '' THEN NEW.name ELSE NEW.identity END
                AND role <> NEW.role
                AND NOT (role IN ('steward', 'reviewer') AND NEW.role IN ('steward', 'reviewer')))""",
    # accounts
    "accounts_stay": "BEFORE DELETE ON accounts WHEN 1",
    "accounts_start_unspent": "BEFORE INSERT ON accounts WHEN NEW.spent_units <> 0 OR NEW.spent_delta <> 0",
    "limits_are_fixed": "BEFORE UPDATE OF space, kind, owner, mode, limit_units, limit_delta ON accounts WHEN 1",
    "spending_never_falls": """BEFORE UPDATE OF spent_units, spent_delta ON accounts
        WHEN NEW.spent_units < OLD.spent_units OR NEW.spent_delta < OLD.spent_delta""",
    "versions_grow": """BEFORE INSERT ON versions
        WHEN NEW.number <= (SELECT coalesce(max(number), 0) FROM versions WHERE dataset = NEW.dataset)""",
    # grants
    "a_granted_request_is_not_declined": """BEFORE INSERT ON declines
        WHEN EXISTS (SELECT 1 FROM grants WHERE request = NEW.request)""",
    "a_declined_request_is_not_granted": """BEFORE INSERT ON grants
        WHEN EXISTS (SELECT 1 FROM declines WHERE request = NEW.request)""",
    "nobody_grants_their_own_request": """BEFORE INSERT ON grants
        WHEN (SELECT human FROM people WHERE name = NEW.analyst) = (SELECT human FROM people WHERE name = NEW.given_by)""",
    "nobody_declines_their_own_request": """BEFORE INSERT ON declines
        WHEN (SELECT human FROM people WHERE name = NEW.decided_by) = (
            SELECT human FROM people JOIN grant_requests ON grant_requests.analyst = people.name
            WHERE grant_requests.id = NEW.request)""",
    "nobody_frozen_grants": """BEFORE INSERT ON grants
        WHEN EXISTS (SELECT 1 FROM frozen WHERE subject = 'person' AND name = NEW.given_by)""",
    # freezes
    "a_freeze_names_what_is_there": """BEFORE INSERT ON freezes
        WHEN NOT CASE NEW.subject
            WHEN 'person' THEN EXISTS (SELECT 1 FROM people WHERE name = NEW.name)
            WHEN 'grant' THEN EXISTS (SELECT 1 FROM grants WHERE id = NEW.name)
            ELSE EXISTS (SELECT 1 FROM datasets WHERE name = NEW.name) END""",
    "what_is_frozen_is_not_frozen_again": """BEFORE INSERT ON freezes
        WHEN EXISTS (SELECT 1 FROM frozen WHERE subject = NEW.subject AND name = NEW.name)""",
    "an_officer_lifts": """BEFORE INSERT ON lifts
        WHEN (SELECT role FROM people WHERE name = NEW.officer) IS NOT 'officer'""",
    "two_humans_lift_a_freeze": """BEFORE INSERT ON lifts
        WHEN NEW.place <> 1 + (SELECT count(*) FROM lifts WHERE freeze = NEW.freeze) OR EXISTS (
            SELECT 1 FROM lifts JOIN people ON people.name = lifts.officer WHERE lifts.freeze = NEW.freeze
                AND people.human = (SELECT human FROM people WHERE name = NEW.officer))""",
    # queries
    "what_is_also_read_comes_first": """BEFORE INSERT ON also_read
        WHEN EXISTS (SELECT 1 FROM queries WHERE id = NEW.query)""",
    "what_is_also_asked_under_comes_first": """BEFORE INSERT ON also_under
        WHEN EXISTS (SELECT 1 FROM queries WHERE id = NEW.query)""",
    # Four, one for each further dataset that is not public and one for each further grant: so each is of this space, and none
    # is the first again.
    "a_query_has_its_accounts": f"""BEFORE INSERT ON queries
        WHEN 4 + (SELECT count(*) FROM also_read JOIN datasets ON name = dataset
                WHERE query = NEW.id AND datasets.space IS NOT NULL)
            + (SELECT count(*) FROM also_under WHERE query = NEW.id)
            <> (SELECT count(*) FROM accounts WHERE space = NEW.space AND mode = NEW.mode
                AND (kind, owner) IN ({_DEBITED}))""",  # noqa: S608 - words of this program
    "further_datasets_are_granted_or_public": f"""BEFORE INSERT ON queries
        WHEN EXISTS (SELECT 1 FROM also_read JOIN datasets ON name = dataset
            WHERE query = NEW.id AND datasets.space IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM granted_datasets AS named
                WHERE named.dataset = also_read.dataset
                    AND (named.grant_id = NEW.grant_id OR named.grant_id IN ({_UNDER}))))""",  # noqa: S608 - as above
    "further_grants_are_the_persons": """BEFORE INSERT ON queries
        WHEN EXISTS (SELECT 1 FROM also_under JOIN grants ON grants.id = also_under.grant_id
            WHERE query = NEW.id AND grants.analyst <> NEW.person)""",
    "no_grant_is_charged_for_nothing": """BEFORE INSERT ON queries
        WHEN EXISTS (SELECT 1 FROM also_under WHERE query = NEW.id AND NOT EXISTS (
            SELECT 1 FROM granted_datasets AS named WHERE named.grant_id = also_under.grant_id
                AND (named.dataset = NEW.dataset
                    OR named.dataset IN (SELECT dataset FROM also_read WHERE query = NEW.id))))""",
    "only_committed_answers_are_reused": """BEFORE INSERT ON queries
        WHEN NEW.reused_of IS NOT NULL AND (NOT EXISTS (
            SELECT 1 FROM queries AS first JOIN settlements USING (order_id)
            WHERE first.id = NEW.reused_of AND first.grant_id = NEW.grant_id AND first.dataset = NEW.dataset
                AND first.answer_key = NEW.answer_key AND outcome = 'committed')
            OR EXISTS (SELECT dataset, version FROM also_read WHERE query = NEW.id
                EXCEPT SELECT dataset, version FROM also_read WHERE query = NEW.reused_of)
            OR EXISTS (SELECT dataset, version FROM also_read WHERE query = NEW.reused_of
                EXCEPT SELECT dataset, version FROM also_read WHERE query = NEW.id)
            OR EXISTS (SELECT grant_id FROM also_under WHERE query = NEW.id
                EXCEPT SELECT grant_id FROM also_under WHERE query = NEW.reused_of)
            OR EXISTS (SELECT grant_id FROM also_under WHERE query = NEW.reused_of
                EXCEPT SELECT grant_id FROM also_under WHERE query = NEW.id))""",
    "uses_are_numbered_and_limited": _numbered("queries"),
    "further_uses_are_numbered_and_limited": _numbered("also_under"),
    "no_query_under_a_revoked_grant": f"""BEFORE INSERT ON queries
        WHEN EXISTS (SELECT 1 FROM revocations WHERE grant_id = NEW.grant_id OR grant_id IN ({_UNDER}))""",  # noqa: S608 - as above
    "no_query_of_what_is_frozen": f"""BEFORE INSERT ON queries
        WHEN EXISTS (SELECT 1 FROM frozen WHERE (subject, name) IN (
            VALUES ('person', NEW.person), ('grant', NEW.grant_id), ('dataset', NEW.dataset)
            UNION ALL {_ALSO} UNION ALL SELECT 'grant', grant_id FROM also_under WHERE query = NEW.id))""",  # noqa: S608 - words of this program
    "only_reservations_are_settled": """BEFORE INSERT ON settlements
        WHEN EXISTS (SELECT 1 FROM queries WHERE order_id = NEW.order_id AND reused_of IS NOT NULL)""",
    # reviews
    "a_review_opens_with_its_answer": """BEFORE INSERT ON reviews
        WHEN NOT EXISTS (SELECT 1 FROM settlements
            WHERE order_id = NEW.order_id AND outcome = 'committed' AND entry = NEW.entry)""",
    "votes_are_numbered": """BEFORE INSERT ON votes
        WHEN NEW.place <> 1 + (SELECT count(*) FROM votes WHERE review = NEW.review)""",
    "a_reviewer_votes": """BEFORE INSERT ON votes
        WHEN (SELECT role FROM people WHERE name = NEW.reviewer) IS NOT 'reviewer'""",
    "no_vote_for_oneself_or_ones_own": """BEFORE INSERT ON votes
        WHEN EXISTS (
            SELECT 1 FROM reviews JOIN queries USING (order_id) JOIN people AS author ON author.name = queries.person
            JOIN people AS voter ON voter.name = NEW.reviewer
            WHERE reviews.id = NEW.review
                AND (voter.human = author.human OR voter.organisation = author.organisation))""",
    "nobody_votes_under_a_grant_they_gave": """BEFORE INSERT ON votes
        WHEN EXISTS (
            SELECT 1 FROM reviews JOIN queries ON queries.order_id = reviews.order_id
            JOIN asked_under ON asked_under.query = queries.id
            JOIN grants ON grants.id = asked_under.grant_id
            JOIN people AS giver ON giver.name = grants.given_by
            JOIN people AS voter ON voter.name = NEW.reviewer
            WHERE reviews.id = NEW.review AND voter.human = giver.human)""",
    "nobody_frozen_votes": """BEFORE INSERT ON votes
        WHEN EXISTS (SELECT 1 FROM frozen WHERE subject = 'person' AND name = NEW.reviewer)""",
    "one_human_one_vote_in_a_round": """BEFORE INSERT ON votes
        WHEN EXISTS (
            SELECT 1 FROM votes JOIN people ON people.name = votes.reviewer
            WHERE votes.review = NEW.review AND votes.round = NEW.round AND votes.digest = NEW.digest
                AND people.human = (SELECT human FROM people WHERE name = NEW.reviewer))""",
    "no_vote_on_what_is_decided": """BEFORE INSERT ON votes
        WHEN NEW.round <> 'afterwards' AND (
            EXISTS (SELECT 1 FROM decisions WHERE review = NEW.review)
            OR (SELECT outcome FROM reviews WHERE id = NEW.review) IS NOT 'held')""",
    "afterwards_is_for_samples": """BEFORE INSERT ON votes
        WHEN NEW.round = 'afterwards' AND (SELECT outcome FROM reviews WHERE id = NEW.review) IS NOT 'sampled'""",
    "unheld_reviews_are_approved_at_once": """BEFORE INSERT ON decisions
        WHEN (SELECT outcome FROM reviews WHERE id = NEW.review) IS NOT 'held' AND (NEW.outcome <> 'approved'
            OR NEW.entry IS NOT (SELECT entry FROM reviews WHERE id = NEW.review))""",
    # Fewer humans than the review asks for have this verdict in their last vote under the newest vote's digest.
    "held_reviews_are_decided_by_their_votes": """BEFORE INSERT ON decisions
        WHEN NEW.outcome IN ('approved', 'rejected')
            AND (SELECT outcome FROM reviews WHERE id = NEW.review) = 'held'
            AND (NEW.entry IS NOT (SELECT max(entry) FROM votes WHERE review = NEW.review)
                OR (SELECT votes FROM reviews WHERE id = NEW.review) > (
                    SELECT count(*) FROM votes JOIN people ON people.name = votes.reviewer
                    WHERE votes.review = NEW.review
                        AND votes.verdict = CASE NEW.outcome WHEN 'approved' THEN 'approve' ELSE 'reject' END
                        AND votes.digest =
                            (SELECT digest FROM votes WHERE review = NEW.review ORDER BY place DESC LIMIT 1)
                        AND NOT EXISTS (
                            SELECT 1 FROM votes AS later JOIN people AS voter ON voter.name = later.reviewer
                            WHERE later.review = NEW.review AND later.place > votes.place
                                AND voter.human = people.human)))""",
    # releases
    "no_release_without_its_approval": """BEFORE INSERT ON releases
        WHEN NOT EXISTS (
            SELECT 1 FROM decisions JOIN reviews ON reviews.id = decisions.review
            JOIN queries ON queries.order_id = reviews.order_id
            WHERE decisions.review = NEW.review AND decisions.outcome = 'approved' AND reviews.order_id = NEW.order_id
                AND queries.id = NEW.query AND queries.key_id = NEW.key_id)""",
    "no_release_under_a_revoked_grant": """BEFORE INSERT ON releases
        WHEN EXISTS (SELECT 1 FROM revocations JOIN asked_under USING (grant_id) WHERE asked_under.query = NEW.query)""",
    "no_release_of_what_is_frozen": """BEFORE INSERT ON releases
        WHEN EXISTS (SELECT 1 FROM frozen JOIN queries ON queries.id = NEW.query
            WHERE (frozen.subject = 'person' AND frozen.name = queries.person)
                OR (frozen.subject = 'grant' AND frozen.name IN (
                    SELECT grant_id FROM asked_under WHERE query = queries.id))
                OR (frozen.subject = 'dataset' AND (frozen.name = queries.dataset OR frozen.name IN (
                    SELECT dataset FROM also_read WHERE query = queries.id))))""",
}
"""Name → when the trigger fires, and on what condition it refuses."""

ADD_ONLY = (
    "ledger",
    "entries",
    "entry_facts",
    "hashes",
    "people",
    "person_keys",
    "spaces",
    "datasets",
    "versions",
    "grant_requests",
    "declines",
    "grants",
    "granted_datasets",
    "revocations",
    "freezes",
    "lifts",
    "queries",
    "also_read",
    "also_under",
    "settlements",
    "reviews",
    "votes",
    "decisions",
    "releases",
)
"""Tables whose rows are never changed or removed."""

_DEBIT = f"""
CREATE TRIGGER a_reservation_debits_its_accounts AFTER INSERT ON queries BEGIN
    UPDATE accounts SET spent_units = spent_units + NEW.units, spent_delta = spent_delta + NEW.delta
    WHERE space = NEW.space AND (kind, owner) IN ({_DEBITED});
END;
"""  # noqa: S608 - words of this program


def rules_script() -> str:
    """All triggers, as SQL."""
    made = [f"CREATE TRIGGER {name} {rule} BEGIN SELECT RAISE(ABORT, '{name}'); END;" for name, rule in RULES.items()]
    for table in ADD_ONLY:
        for verb in ("UPDATE", "DELETE"):
            name = f"{table}_no_{verb.lower()}"
            made.append(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{name}'); END;")
    return "\n".join([*made, _DEBIT])
