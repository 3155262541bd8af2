"""Enrolment, tokens, roles that do not go together, and what people are told of themselves."""

import hashlib
import sqlite3

import pytest

from sandbox.service import freeze, identity, people
from sandbox.terms.people import Role
from sandbox.terms.refusal import Frozen, MalformedRequest, NameTaken, RoleConflict, RoleNotPermitted, SignInRequired


def test_the_first_administrator_is_made_once(bare):
    with pytest.raises(NameTaken):
        people.first_administrator(bare.enclave)
    assert bare.administrator.role is Role.ADMINISTRATOR
    assert bare.entries()[1]["facts"]["role"] == "administrator"


def test_a_token_signs_in_whom_it_was_given_to(bare):
    person, token = people.enrol(bare.enclave, bare.administrator, "eve", "acme", "analyst")
    assert identity.sign_in(bare.enclave, token) == person
    assert token.startswith(identity.TOKEN_PREFIX) and len(token) == 47


def test_only_the_digest_of_a_token_is_kept(bare):
    _, token = people.enrol(bare.enclave, bare.administrator, "eve", "acme", "analyst")
    dump = "\n".join(sqlite3.connect(bare.path).iterdump())
    assert token not in dump and token.removeprefix("sbx_") not in dump
    assert hashlib.sha256(token.encode()).hexdigest() in dump.lower()  # control: the dump does hold what is kept


@pytest.mark.parametrize("token", ["", "sbx_", "sbx_" + "a" * 43, "x" * 47, "sbx_" + "é" * 43, "sbx_" + "\ud800" * 43])
def test_wrong_tokens_are_refused_in_the_same_words(bare, token):
    with pytest.raises(SignInRequired) as refused:
        identity.sign_in(bare.enclave, token)
    assert refused.value.problem() == SignInRequired().problem()


@pytest.mark.parametrize("name", ["", "Ann", "-ann", "a b", "a" * 64, "änn", "ann\n", "../ann"])
def test_bad_names_are_refused(bare, name):
    with pytest.raises(MalformedRequest):
        people.enrol(bare.enclave, bare.administrator, name, "acme", "analyst")


@pytest.mark.parametrize("organisation", ["", " acme", "ac\nme", "a" * 201, "\ud800"])
def test_bad_organisations_are_refused(bare, organisation):
    with pytest.raises(MalformedRequest):
        people.enrol(bare.enclave, bare.administrator, "eve", organisation, "analyst")


def test_unknown_roles_and_taken_names_are_refused(bare):
    size = bare.ledger.size()
    with pytest.raises(MalformedRequest):
        people.enrol(bare.enclave, bare.administrator, "eve", "acme", "root")
    for name in ("ann", "enclave.test"):
        with pytest.raises(NameTaken):
            people.enrol(bare.enclave, bare.administrator, name, "acme", "analyst")
    for actor in (bare.sue, bare.ann, bare.olga):
        with pytest.raises(RoleNotPermitted):
            people.enrol(bare.enclave, actor, "eve", "acme", "analyst")
    assert bare.ledger.size() == size


@pytest.mark.parametrize("identity", [" 17", "1\n7", "x" * 201, "\ud800"])
def test_bad_identities_are_refused(bare, identity):
    with pytest.raises(MalformedRequest, match="identity"):
        people.enrol(bare.enclave, bare.administrator, "eve", "acme", "analyst", identity)


def test_an_identity_is_kept_and_in_the_log(bare):
    person, token = people.enrol(bare.enclave, bare.administrator, "eve", "acme", "analyst", "staff-17")
    assert (person.identity, person.human) == ("staff-17", "staff-17")
    assert identity.sign_in(bare.enclave, token) == person
    assert bare.entries()[-1]["facts"]["identity"] == "staff-17"
    assert bare.enrol("adam", "acme", "analyst").human == "adam"


ROLES = [role.value for role in Role]
TOGETHER = {("steward", "reviewer"), ("reviewer", "steward")}


@pytest.mark.parametrize("first", ROLES)
@pytest.mark.parametrize("second", ROLES)
def test_one_human_may_hold_only_roles_that_go_together(bare, first, second):
    bare.enrol("one", "acme", first, "staff-17")
    size = bare.ledger.size()
    if (first, second) in TOGETHER:
        assert bare.enrol("two", "other", second, "staff-17").human == "staff-17"
        return
    with pytest.raises(RoleConflict) as refused:
        bare.enrol("two", "other", second, "staff-17")
    assert (refused.value.facts["held"], refused.value.facts["role"]) == (first, second)
    assert bare.ledger.size() == size
    assert bare.enrol("two", "other", second, "staff-18").role == second  # the control: another human may


def test_an_identity_that_is_a_name_is_the_human_of_that_name(bare):
    with pytest.raises(RoleConflict):
        bare.enrol("eve", "other", "steward", "ann")
    bare.enrol("eve", "other", "steward", "staff-17")
    with pytest.raises(RoleConflict):
        bare.enrol("staff-17", "other", "analyst")


@pytest.mark.parametrize(
    "other", ["ACME Straße", "Acme Strasse", "Ａｃｍｅ Straße", "Acme  Straße", "acme strasse"], ids=ascii
)
def test_an_organisation_and_a_human_have_one_spelling(bare, other):
    """Else a reviewer of the author's organisation, or the author, would pass for somebody else."""
    bare.enrol("eve", "Acme Straße", "analyst", "Staff Straße 17")
    size = bare.ledger.size()
    with pytest.raises(MalformedRequest, match=r'organisation .*"Acme Straße"'):
        bare.enrol("rex", other, "reviewer")
    with pytest.raises(MalformedRequest, match=r'identity .*"Staff Straße 17"'):
        bare.enrol("rex", "archive", "reviewer", other.replace(other[:4], "STAFF") + " 17")
    assert bare.ledger.size() == size
    bare.enrol("rex", "Acme Straße", "reviewer", "Staff Straße 18")  # the control: spelt the same, and another one


def test_an_identity_that_reads_like_a_name_is_spelt_like_it(bare):
    with pytest.raises(MalformedRequest, match='"ann"'):
        bare.enrol("rex", "other", "reviewer", "Ann")


def test_a_third_role_is_held_against_each_of_the_others(bare):
    bare.enrol("one", "acme", "steward", "staff-17")
    bare.enrol("two", "acme", "reviewer", "staff-17")
    for role in ("analyst", "officer", "administrator"):
        with pytest.raises(RoleConflict):
            bare.enrol("three", "acme", role, "staff-17")


def test_everybody_may_see_who_they_are(bare):
    assert people.me(bare.enclave, bare.ann).to_json() == {
        "name": "ann",
        "organisation": "acme",
        "role": "analyst",
        "identity": "",
        "keys": [{"id": bare.pairs["ann"].id}],
        "frozen": False,
    }
    assert people.me(bare.enclave, bare.rita).to_json()["keys"] == []


def test_who_is_frozen_signs_in_and_sees_only_that(bare):
    eve, token = people.enrol(bare.enclave, bare.administrator, "eve", "acme", "administrator")
    freeze.freeze(bare.enclave, bare.olga, "person", "eve", "Lost her laptop on the train")
    assert identity.sign_in(bare.enclave, token) == eve
    assert people.me(bare.enclave, eve).to_json()["frozen"] is True
    with pytest.raises(Frozen):
        people.enrol(bare.enclave, eve, "adam", "acme", "analyst")
    people.enrol(bare.enclave, bare.administrator, "adam", "acme", "analyst")
