"""Grants are asked about by what they come to for the request: Cedar decides so as about the whole grants."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cedarpy import Entities, is_authorized_batch
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_world import ask, standing
from test_grant_truth_table import ASKED, MANY, STANDINGS

from policies import decide as decide_module
from policies.bearing import NARROWER, NO_GRANT, bearing, candidates, held_by
from policies.decide import decide
from policies.request import Permit
from policies.rulebook import RULEBOOK
from policies.verdict import verdicts

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment):
    return int((moment - EPOCH) / timedelta(microseconds=1))


def whole(request, held):
    """Cedar's verdict about the grant as it is: every list whole, times and uses as they are."""
    grant = held.grant
    attrs = {
        **{name: getattr(grant, name) for name in ("analyst", "organisation", "datasets", "tables", "columns")},
        "aggregates": grant.aggregates,
        "purpose": grant.purpose,
        "notBefore": micros(grant.not_before),
        "notAfter": micros(grant.not_after),
        "used": held.used,
        "revoked": held.revoked,
        "frozen": held.frozen,
        **({} if grant.uses is None else {"uses": grant.uses}),
    }
    person = request.person
    people = {
        "name": person.name,
        "organisation": person.organisation,
        "human": person.human,
        "frozen": request.frozen_person,
    }
    entities = [
        {"uid": {"type": "Grant", "id": grant.id}, "attrs": attrs, "parents": []},
        {
            "uid": {"type": "Person", "id": person.name},
            "attrs": people,
            "parents": [{"type": "Role", "id": person.role.value}],
        },
    ]
    context = {
        "at": micros(request.at),
        **{name: list(getattr(request, name)) for name in ("datasets", "tables", "columns", "aggregates", "stewards")},
        "together": list(request.datasets),
        "purpose": request.purpose,
        "frozenDatasets": list(request.frozen_datasets),
    }
    question = {
        "principal": {"type": "Person", "id": person.name},
        "action": {"type": "Action", "id": request.action.value},
        "resource": {"type": "Grant", "id": grant.id},
        "context": context,
    }
    parsed = Entities.from_json_str(json.dumps(entities), RULEBOOK.schema)
    (result,) = is_authorized_batch([question], RULEBOOK.policies, parsed, RULEBOOK.schema)
    assert result.diagnostics.errors == []
    return result.allowed, tuple(sorted(result.diagnostics.id_annotations_by_reason.values()))


@settings(max_examples=200, deadline=None)
@given(ASKED, STANDINGS, st.sampled_from([timedelta(microseconds=n) for n in (-1, 0, 1)]))
def test_cedar_decides_about_a_bearing_as_about_the_whole_grant(request, held, nudge):
    at = replace(request, at=held.grant.not_after + nudge)
    for asked in (request, at, replace(request, at=held.grant.not_before + nudge)):
        (verdict,) = verdicts(RULEBOOK, asked, (bearing(asked, held),))
        assert (verdict.allowed, verdict.policies) == whole(asked, held)


@settings(max_examples=80, deadline=None)
@given(ASKED, MANY)
def test_preselection_loses_no_grant_that_allows(request, held):
    allowing = sorted(item.grant.id for item in held if whole(request, item)[0])
    decision = decide(request, held)
    assert [grant.id for grant in decision.grants] == allowing if isinstance(decision, Permit) else allowing == []


def count_asked(monkeypatch):
    asked = []

    def counting(rulebook, request, bearings=()):
        asked.append(len(bearings))
        return verdicts(rulebook, request, bearings)

    monkeypatch.setattr(decide_module, "verdicts", counting)
    return asked


def test_a_thousand_grants_alike_are_asked_about_once(monkeypatch):
    asked = count_asked(monkeypatch)
    held = [standing(f"g_{n:04}", since=-1 - n, until=1 + n, uses=n + 1, used=n // 2) for n in range(1000)]
    decision = decide(ask(), held)
    assert [grant.id for grant in decision.grants] == [f"g_{n:04}" for n in range(1000)]
    assert asked == [1]


def test_a_thousand_grants_of_others_are_not_asked_about(monkeypatch):
    asked = count_asked(monkeypatch)
    held = [standing(f"g_{n}", analyst=f"other-{n}") for n in range(1000)]
    assert [grant.id for grant in decide(ask(), [*held, standing("g_mine")]).grants] == ["g_mine"]
    assert asked == [1]


def test_the_number_asked_about_is_bounded_whatever_the_grants(monkeypatch):
    asked = count_asked(monkeypatch)
    columns = tuple(f"clinic.visits.c{n}" for n in range(10))
    request = ask(columns=columns)
    held = [
        standing(f"g_{n}", columns=tuple(name for bit, name in enumerate(columns) if n >> bit & 1)) for n in range(1023)
    ]
    refusal = decide(request, held)
    assert refusal.code == "grant-too-narrow"
    assert len(refusal.facts["missing"]) == 1
    permit = decide(request, [*held, standing("g_all", columns=columns), standing("g_more", columns=(*columns, "x"))])
    assert [grant.id for grant in permit.grants] == ["g_all", "g_more"]
    assert asked == [NARROWER, NARROWER + 1]


def test_the_bound_keeps_the_nearest(monkeypatch):
    """A live grant that lacks a column comes nearer than any number of revoked ones that lack another."""
    columns = tuple(f"clinic.visits.c{n}" for n in range(12))
    dead = [standing(f"g_{n}", columns=columns[:n] + columns[n + 1 :], revoked=True) for n in range(12)]
    live = standing("g_live", columns=columns[:3])
    refusal = decide(ask(columns=columns), [*dead, live])
    assert refusal.facts["missing"] == sorted(columns[3:])


def test_what_holds_no_grant():
    assert candidates(ask(), ()) == {NO_GRANT: []}
    assert held_by(ask().person, [standing(), standing(analyst="bob"), standing(org="other")]) == (standing(),)
    elsewhere = standing(datasets=("roads",))
    assert list(candidates(ask(), (elsewhere,)).values()) == [[elsewhere]]
