"""Enrolment and tokens."""

import hashlib
import sqlite3

import pytest

from sandbox.service import identity, people
from sandbox.terms.people import Role
from sandbox.terms.refusal import MalformedRequest, NameTaken, RoleNotPermitted, SignInRequired


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
