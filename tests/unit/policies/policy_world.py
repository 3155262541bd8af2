"""People, grants and questions for the tests of the policies; and rulebooks with a policy taken out or put in."""

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from cedarpy import policies_from_json_str, policies_to_json_str

from policies.request import AccessRequest
from policies.roles import Action
from policies.rulebook import POLICY_TEXTS, SCHEMA_TEXT, Rulebook, parse_rulebook
from sandbox.terms.people import Aggregate, Grant, GrantStanding, Person, ReviewDuty, Role

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANN = Person("ann", "acme", Role.ANALYST)
ALL_POLICIES = "\n".join(POLICY_TEXTS.values())


def standing(
    name="g_1",
    *,
    analyst="ann",
    org="acme",
    datasets=("clinic",),
    tables=("clinic.visits",),
    columns=("clinic.visits.cost", "clinic.visits.day"),
    aggregates=(Aggregate.COUNT, Aggregate.SUM),
    purpose="research",
    since=-1,
    until=1,
    uses=None,
    used=0,
    revoked=False,
    frozen=False,
) -> GrantStanding:
    grant = Grant(
        name,
        1,
        analyst,
        org,
        datasets,
        tables,
        columns,
        aggregates,
        purpose,
        Fraction(5),
        uses,
        ReviewDuty.PROFILE,
        NOW + since * DAY,
        NOW + until * DAY,
        "sue",
        "gr_1",
    )
    return GrantStanding(grant, used, revoked, frozen)


def ask(person=ANN, action=Action.SUBMIT_QUERY, at=NOW, **named) -> AccessRequest:
    """A question that the standing above allows, but for what is `named` otherwise."""
    plain = {
        "datasets": ("clinic",),
        "tables": ("clinic.visits",),
        "columns": ("clinic.visits.cost",),
        "aggregates": (Aggregate.SUM,),
        "purpose": "research",
    }
    return AccessRequest(person, action, at, **{**plain, **named})


def rulebook(text: str = ALL_POLICIES) -> Rulebook:
    return parse_rulebook(SCHEMA_TEXT, text)


def without(*ids: str) -> Rulebook:
    """The rules with some policies taken out."""
    document = json.loads(policies_to_json_str(ALL_POLICIES))
    kept = {key: rule for key, rule in document["staticPolicies"].items() if rule["annotations"]["id"] not in ids}
    assert len(kept) == len(document["staticPolicies"]) - len(ids)
    return rulebook(policies_from_json_str(json.dumps({**document, "staticPolicies": kept})))


def replaced(policy: str, body: str) -> Rulebook:
    """The rules with one policy's text replaced by `body`, under the same id and words."""
    document = json.loads(policies_to_json_str(ALL_POLICIES))
    kept = {key: rule for key, rule in document["staticPolicies"].items() if rule["annotations"]["id"] != policy}
    text = policies_from_json_str(json.dumps({**document, "staticPolicies": kept}))
    return rulebook(f'{text}\n@id("{policy}") @words("w") @words_zh("w") {body}')
