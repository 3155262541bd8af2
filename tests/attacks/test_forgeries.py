"""Forgeries of bundle, certificate, order, grant, vote, token and submission, each against the very check that guards it, and
each beside its control: the genuine one is taken. None of them is.
"""

import json
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner
from forged_world import COUNT, ORIGIN, Http, at, changed, places, put, respelled, without
from line_steps import release, vote
from service_world import ask

from sandbox.client import MemoryKeyStore, Release
from sandbox.client.key_store import KeysElsewhere
from sandbox.faces.cli.main import main
from sandbox.proof.certificate import sign_certificate
from sandbox.proof.key_pairs import new_key_pair
from sandbox.proof.sealing import seal_to
from sandbox.proof.signed_grant import sign_grant
from sandbox.proof.signing import SigningKey
from sandbox.service import review_desk, submit_query
from sandbox.terms.canonical import canonical_bytes, digest
from sandbox.terms.order import SIGNING_CONTEXT, LoadOrder
from sandbox.terms.people import Aggregate, ReviewDuty
from sandbox.terms.refusal import Fault, ProofFailed, Refusal, SandboxError
from workers.admission import Admission, OrderRefused

LEAST = {"bundle": 150, "certificate": 60, "order": 60, "grant": 35, "vote": 30, "token": 35, "submission": 40}
"""How many of each are tried at least."""

OTHER = SigningKey(f"{ORIGIN}/release", b"z" * 32)
UNCERTIFIED = {("cost", "space"), ("cost", "delta")}
"""What a release shows beside its proofs on the enclave's bare word."""


def test_the_issue_asks_for_two_hundred():
    assert sum(LEAST[kind] for kind in ("bundle", "certificate", "order", "grant", "vote", "token")) >= 200


def taken(forgeries, kind, check, refusals) -> list[str]:
    """The names of those that `check` lets through."""
    assert len(forgeries) >= LEAST[kind], len(forgeries)
    found = []
    for name, forged in forgeries.items():
        try:
            check(forged)
        except refusals:
            continue
        found.append(name)
    return found


# -- bundles and certificates ------------------------------------------------------------------------------------------


def bundles(attacked):
    true = attacked.first
    spots = [path for path in places(true) if path not in UNCERTIFIED]
    forged = {f"edited {path}": put(true, path, changed(at(true, path))) for path in spots}
    needed = [path for path in spots if isinstance(path[-1], str) and path[0] not in ("id", "cost", "reused")]
    forged |= {f"left out {path}": without(true, path) for path in needed}
    parts = [("certificate",), ("envelope",), ("receipts",), ("id",), ("certificate", "facts")]
    parts += [("receipts", name) for name in ("reserved", "committed", "released")]
    for whose, other in (("own", attacked.second), ("bob's", attacked.strange)):
        forged |= {f"{path} of {whose}": put(true, path, at(other, path)) for path in parts}
    for name in ("reserved", "committed", "released"):
        for part in ("proof", "leaf"):
            path = ("receipts", name, part)
            value = at(true, path)
            shout = [item.upper() for item in value] if part == "proof" else value.upper()
            spaced = [f"{item[:2]} {item[2:]}" for item in value] if part == "proof" else f"{value[:2]} {value[2:]}"
            forged |= {f"{path} in capitals": put(true, path, shout), f"{path} with spaces": put(true, path, spaced)}
        path = ("receipts", name, "proof")
        forged[f"{path} as an object"] = put(true, path, dict.fromkeys(at(true, path), 1))
    envelope = true["envelope"]
    forged |= {
        f"envelope {name}": put(true, ("envelope",), envelope + more) for name, more in (("+", "A"), ("lf", "\n"))
    }
    forged |= {
        f"format {name}": put(true, ("format",), name) for name in ("sandbox/release/v0", "sandbox/release/V1", "")
    }
    forged["called reused"] = put(true, ("reused",), True)
    forged["of another ε"] = put(true, ("cost", "epsilon"), "0.001")
    forged["of no price"] = put(true, ("cost",), {**true["cost"], "amount": "0"})
    forged["sealed anew to its reader"] = put(
        true, ("envelope",), _b64(seal_to(attacked.pairs["ann"].public.sealing, b"{}", b"anything"))
    )
    return forged


def _b64(content):
    from base64 import b64encode

    return b64encode(content).decode()


def certificates(attacked):
    true = attacked.first
    facts = true["certificate"]["facts"]
    release_key = attacked.enclave.release_key
    forged = {}
    for name, value in facts.items():
        other = facts | {name: changed(value)}
        forged[f"{name}, signed by another key"] = other, OTHER
        forged[f"{name}, signed by the release key and not in the log"] = other, release_key
    forged |= {
        "downgraded": (facts | {"format": "sandbox/certificate/v2"}, release_key),
        "of a weaker suite": (facts | {"suite": "sandbox-suite-0"}, release_key),
        "signed by the log's key": (facts, attacked.log_key),
    }
    made = {name: put(true, ("certificate",), sign_certificate(*said)) for name, said in forged.items()}
    signature = true["certificate"]["signature"]
    made |= {
        f"signature {how}": put(true, ("certificate", "signature"), it) for how, it in respelled(signature).items()
    }
    for whose, other in (("own other", attacked.second), ("bob's", attacked.strange)):
        path = ("certificate", "signature")
        made[f"{whose} signature"] = put(true, path, at(other, path))
    return made


def test_no_forged_bundle_opens(attacked):
    assert Release.open(attacked.first, attacked.pins, attacked.keys).to_pylist()  # control
    opened = taken(
        bundles(attacked), "bundle", lambda forged: Release.open(forged, attacked.pins, attacked.keys), ProofFailed
    )
    assert opened == []


def test_no_forged_certificate_opens_or_verifies(attacked, tmp_path):
    shell, path = CliRunner(), tmp_path / "release.json"
    keys = ["--log-key", attacked.pins.log_key, "--release-key", attacked.pins.release_key]

    def verify(document):
        path.write_text(json.dumps(document))
        return shell.invoke(main, ["release", "verify", str(path), *keys], prog_name="sandbox")

    true = verify(attacked.first)
    assert true.exit_code == 0, true.output
    made = certificates(attacked)
    opened = taken(made, "certificate", lambda it: Release.open(it, attacked.pins, attacked.keys), ProofFailed)
    assert opened == []
    for name, forged in made.items():
        told = verify(forged)
        assert told.exit_code == 8 and "signed by the release key" not in told.stdout, name


def test_a_release_is_its_reader_s_alone_and_another_enclave_s_is_none(attacked):
    with pytest.raises(KeysElsewhere):
        Release.open(attacked.first, attacked.pins, MemoryKeyStore())
    for pins in (
        replace(attacked.pins, release_key=OTHER.verifier.text),
        replace(attacked.pins, log_key=attacked.pins.release_key),
        replace(attacked.pins, origin="another.enclave"),
    ):
        with pytest.raises(ProofFailed):
            Release.open(attacked.first, pins, attacked.keys)


@pytest.mark.parametrize("name", ["format", "certificate", "envelope", "receipts", "signature", "facts", "person"])
def test_a_file_that_says_a_thing_twice_is_no_release(attacked, tmp_path, name):
    path = tmp_path / "release.json"
    text = json.dumps(attacked.first)
    path.write_text(text)
    assert Release.load(path, attacked.pins, attacked.keys).id == attacked.first["id"]  # control
    path.write_text(text.replace(f'"{name}":', f'"{name}": "x", "{name}":', 1))
    with pytest.raises(ProofFailed, match="does not hold a release"):
        Release.load(path, attacked.pins, attacked.keys)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe{}", b"[" * 100_000, b"7", b"NaN", b'{"a":' * 50_000, b"9" * 5_000])
def test_files_that_hold_anything_else(attacked, tmp_path: Path, content):
    path = tmp_path / "release.json"
    path.write_bytes(content)
    with pytest.raises(ProofFailed):
        Release.load(path, attacked.pins, attacked.keys)


# -- orders ------------------------------------------------------------------------------------------------------------

BOOT = "boot-1"


def orders(true, load):
    key, other = SigningKey("enclave.test/order", b"o" * 32), SigningKey("enclave.test/order", b"p" * 32)
    document = true.to_json()
    body = canonical_bytes(document)
    signature = key.sign(SIGNING_CONTEXT + body)

    def signed(content, by=key, context=SIGNING_CONTEXT):
        return content, by.sign(context + content)

    spots = list(places(document))
    forged = {
        f"edited {path}": (canonical_bytes(put(document, path, changed(at(document, path)))), signature)
        for path in spots
    }
    tops = [path for path in spots if len(path) == 1]
    forged |= {f"signed without {path}": signed(canonical_bytes(without(document, path))) for path in tops}
    forged |= {
        f"signed, and {path} is more": signed(canonical_bytes(document | {"more": path[0], path[0]: document[path[0]]}))
        for path in tops
    }
    for name, value in (
        ("version", "1"),
        ("version", 1.0),
        ("version", True),
        ("deadline_ms", "9"),
        ("id", ""),
        ("id", 7),
    ):
        forged[f"signed, {name} is {value!r}"] = signed(_loose(document | {name: value}))
    forged |= {
        "signed by another key": signed(body, other),
        "signed by the release key": signed(body, OTHER),
        "signed for something else": signed(body, context=b"sandbox/order/v0\n"),
        "signed without a context": signed(body, context=b""),
        "of another boot": signed(canonical_bytes(document | {"boot": "boot-0"})),
        "of an older format": signed(canonical_bytes(document | {"format": "sandbox/order/measure/v0"})),
        "a load": signed(canonical_bytes(load.to_json())),
        "spaced": signed(json.dumps(document, sort_keys=True).encode()),
        "in another order": signed(json.dumps(dict(reversed(document.items())), separators=(",", ":")).encode()),
        "with a name twice": signed(body[:-1] + b',"version":1}'),
        "with a line end": signed(body + b"\n"),
        "no object": signed(b"[]"),
        "nested": signed(b"[" * 50_000),
        "not UTF-8": signed(b"\xff"),
        "cut short": (body, signature[:-1]),
        "lengthened": (body, signature + b"\0"),
        "unsigned": (body, b""),
        "with no signature": (body, None),
        "text": (body.decode(), signature),
        "zeros": (body, bytes(64)),
        "the identity": (body, b"\1" + bytes(63)),
    }
    more = {
        how: __import__("base64").b64decode(text) for how, text in respelled(_b64(signature)).items() if "added" in how
    }
    return forged | {f"signature {how}": (body, raw) for how, raw in more.items()}, (body, signature), key


def _loose(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_no_forged_order_is_carried_out(attacked):
    true = attacked.engine.orders[0]  # as the service made it for the first question
    load = LoadOrder("l_1", BOOT, "clinic", 1, "[dataset]", 8, {"visits": "visits.csv"})
    forged, (body, signature), key = orders(true, load)
    admission = Admission(key.verifier, BOOT)
    assert taken(forged, "order", lambda it: admission.measure(*it), OrderRefused) == []
    assert taken(
        forged | {"a measurement": (body, signature)}, "order", lambda it: admission.load(*it), OrderRefused
    ) == ["a load"]  # the control of loads: it is one
    assert admission.measure(body, signature) == true  # control: nothing above has used it up
    for _ in range(3):
        with pytest.raises(OrderRefused):
            admission.measure(body, signature)  # replayed
    with pytest.raises(OrderRefused):
        Admission(key.verifier, "boot-2").measure(body, signature)  # replayed to the next engine
    again = canonical_bytes(load.to_json() | {"id": true.id})
    with pytest.raises(OrderRefused):
        admission.load(again, key.sign(SIGNING_CONTEXT + again))  # another order under an id that is used up


# -- grants ------------------------------------------------------------------------------------------------------------


def grants(attacked):
    (mine,), (bobs,) = attacked.ledger.standings("ann"), attacked.ledger.standings("bob")
    true = mine.grant
    wider = {
        "id": "g_" + "0" * 26,
        "version": 2,
        "organisation": "rival",
        "datasets": ("clinic", "roads"),
        "tables": (*true.tables, "roads.trips"),
        "columns": (*true.columns, "clinic.visits.note"),
        "aggregates": tuple(Aggregate)[:-1],
        "epsilon": Fraction(500),
        "uses": 7,
        "review": ReviewDuty.PROFILE,
        "not_before": true.not_before - timedelta(days=400),
        "not_after": true.not_after + timedelta(days=400),
        "given_by": "tom",
        "request": "gr_" + "0" * 26,
    }
    forged = {f"edited {name}": replace(true, **{name: value}) for name, value in wider.items()}
    for name, value in wider.items():
        forged[f"{name}, signed by another key"] = sign_grant(replace(true, **{name: value}), OTHER)
    forged |= {f"signature {how}": replace(true, signature=text) for how, text in respelled(true.signature).items()}
    forged |= {
        "bob's signature": replace(true, signature=bobs.grant.signature),
        "bob's grant in ann's name": replace(bobs.grant, analyst="ann", organisation="acme"),
        "signed by the log's key": sign_grant(true, attacked.log_key),
        "everything": replace(true, **wider),
    }
    return {name: replace(mine, grant=grant) for name, grant in forged.items()}, mine


def test_no_forged_grant_pays_for_anything(attacked, monkeypatch):
    forged, mine = grants(attacked)
    sql = "select count(*) as forged from clinic.visits"

    def run(standing, key="key-forged"):
        monkeypatch.setattr(attacked.ledger, "standings", lambda analyst=None: [standing])
        try:
            submit_query.submit(attacked.enclave, attacked.ann, ask(attacked, sql, key=key), key)
        finally:
            monkeypatch.undo()

    spent, measured = attacked.ledger.accounts("patients"), len(attacked.engine.orders)
    assert taken(forged, "grant", run, (Fault, Refusal)) == []
    assert (attacked.ledger.accounts("patients"), len(attacked.engine.orders)) == (spent, measured)
    run(mine)  # control
    attacked.settle_down()
    assert len(attacked.engine.orders) == measured + 1


def test_a_grant_that_was_revoked_is_not_played_again(make_world, monkeypatch):
    """A row of before the revocation, with its true signature: the reserving transaction looks for itself."""
    from line_steps import revoke

    from sandbox.terms.refusal import GrantRevoked

    world = make_world()
    world.register()
    given = world.grant("ann")
    before = world.ledger.standings("ann")
    revoke(world, given.to_json()["id"])
    monkeypatch.setattr(world.ledger, "standings", lambda analyst=None: list(before))
    with pytest.raises(GrantRevoked):
        world.submit()
    assert world.engine.orders == []
    monkeypatch.undo()
    world.grant("ann")
    assert world.submit(key="key-00002").state == "running"  # control


# -- votes -------------------------------------------------------------------------------------------------------------


def ballots(attacked):
    """name → token's owner, review, verdict, reason, digest."""
    waiting, other = attacked.review(attacked.waiting), attacked.review(attacked.other)
    true, theirs = attacked.digest(attacked.waiting), attacked.digest(attacked.other)
    why = "Nothing speaks against it"
    forged = {f"{who} is no reviewer": (who, waiting, "approve", why, true) for who in ("eve", "self")}
    forged |= {
        "of the author's organisation": ("rex", waiting, "approve", why, true),
        "of no review": ("ron", "rr_" + "0" * 26, "approve", why, true),
        "of a query": ("ron", attacked.waiting.id, "approve", why, true),
        "of a path": ("ron", "../" + waiting, "approve", why, true),
        "of a review in small letters": ("ron", waiting.lower(), "approve", why, true),
        "another review's digest": ("ron", waiting, "approve", why, theirs),
        "the other review, this one's digest": ("ron", other, "approve", why, true),
        "a digest in capitals": ("ron", waiting, "approve", why, true.upper()),
        "a digest with a space": ("ron", waiting, "approve", why, true + " "),
        "a digest cut short": ("ron", waiting, "approve", why, true[:-1]),
        "no digest": ("ron", waiting, "approve", why, ""),
        "the wildcard": ("ron", waiting, "approve", why, "*"),
        "zeros": ("ron", waiting, "approve", why, "0" * 64),
        "no reason": ("ron", waiting, "approve", "", true),
        "a reason of two lines": ("ron", waiting, "approve", "fine\nand so", true),
    }
    verdicts = ("", "Approve", "APPROVE", "approved", "approve ", "yes", "auto", "approve\0", "reject,approve", "none")
    forged |= {f"verdict {verdict!r}": ("ron", waiting, verdict, why, true) for verdict in verdicts}
    done = attacked.first["certificate"]["facts"]["review"]
    forged |= {
        f"{verdict} after the decision": ("ron", done["id"], verdict, why, done["digest"])
        for verdict in ("approve", "reject")
    }
    turned = {place: true[:place] + ("0" if true[place] != "0" else "1") + true[place + 1 :] for place in (0, 31, 63)}
    return forged | {
        f"digest turned at {place}": ("ron", waiting, "approve", why, text) for place, text in turned.items()
    }


def test_no_forged_vote_counts_over_the_service_or_http(attacked):
    forged = ballots(attacked)

    def over_the_service(cast):
        who, review, verdict, reason, digest = cast
        review_desk.vote(attacked.enclave, attacked.named[who], review, verdict, reason, digest)

    assert taken(forged, "vote", over_the_service, SandboxError) == []
    for name, (who, review, verdict, reason, seen) in forged.items():
        body = {"verdict": verdict, "reason": reason, "digest": seen}
        answer = attacked.post(f"/v1/reviews/{review}/votes", body, attacked.tokens[who])
        assert 400 <= answer.status_code < 500, (name, answer.status_code)
    review = attacked.review(attacked.waiting)
    true = {"verdict": "approve", "reason": "Nothing speaks against it", "digest": attacked.digest(attacked.waiting)}
    for more in ({"round": "third"}, {"reviewer": "rita"}, {"decision": "approved"}, {"human": "another"}):
        assert attacked.post(f"/v1/reviews/{review}/votes", true | more, attacked.tokens["ron"]).status_code == 400
    assert attacked.ledger.review(review).votes == () and attacked.ledger.review(review).decision is None


def test_the_same_human_votes_once_and_the_true_vote_counts(attacked):
    review, digest = attacked.review(attacked.control), attacked.digest(attacked.control)
    body = {"verdict": "approve", "reason": "Nothing speaks against it", "digest": digest}
    path = f"/v1/reviews/{review}/votes"
    assert attacked.post(path, body, attacked.tokens["ron"]).status_code == 201  # control
    assert release(attacked, attacked.control)["certificate"]
    for verdict in ("approve", "reject"):
        assert attacked.post(path, body | {"verdict": verdict}, attacked.tokens["ron"]).status_code == 409
    assert len(attacked.ledger.review(review).votes) == 1


# -- tokens ------------------------------------------------------------------------------------------------------------


def headers(token):
    good = f"Bearer {token}"
    forged = {f"cut at {place}": f"Bearer {token[:place]}" for place in (0, 1, 4, 8, 20, len(token) - 1)}
    for place in range(4, len(token), 5):
        other = "A" if token[place] != "A" else "B"
        forged[f"turned at {place}"] = f"Bearer {token[:place]}{other}{token[place + 1 :]}"
    forged |= {
        "none": "",
        "scheme alone": "Bearer",
        "another scheme": f"Basic {token}",
        "no scheme": token,
        "two spaces": f"Bearer  {token}",
        "a tab": f"Bearer\t{token}",
        "twice": f"{good} {token}",
        "a list": f"{good}, {good}",
        "quoted": f'Bearer "{token}"',
        "a parameter": f"{good}; admin=1",
        "longer": f"{good}A",
        "padded": f"{good}=",
        "in capitals": f"Bearer {token.upper()}",
        "in small letters": f"Bearer {token.lower()}",
        "percent": f"Bearer {token.replace('_', '%5F')}",
        "null": f"{good}%00",
        "of nobody": "Bearer sbx_" + "A" * 43,
        "the prefix": "Bearer sbx_",
        "a wildcard": "Bearer *",
        "a name": "Bearer ann",
        "long": "Bearer " + "A" * 5000,
        "a pattern": "Bearer sbx_" + "%" * 43,
        "SQL": "Bearer sbx_' OR ''='",
    }
    return {name: value for name, value in forged.items() if value != good}


def test_no_forged_token_signs_in(attacked, make_world):
    token = attacked.tokens["eve"]

    def get(value, **more):
        sent = {"Authorization": value} if value else {}
        return attacked.http.get("/v1/me", headers=sent | more)

    forged = headers(token)
    assert len(forged) >= LEAST["token"]
    asked = {name: get(value) for name, value in forged.items()}
    assert {name: answer.status_code for name, answer in asked.items() if answer.status_code != 401} == {}
    said = {
        json.dumps({k: v for k, v in answer.json().items() if k not in ("instance", "request_id")})
        for answer in asked.values()
    }
    assert len(said) == 1  # every wrong token is refused in the same words
    assert get(f"Bearer {token}").json()["name"] == "eve"  # control
    for trick in (
        "X-Forwarded-User",
        "X-Remote-User",
        "X-Original-Authorization",
        "Cookie",
        "Proxy-Authorization",
        "X-Api-Key",
    ):
        assert get("", **{trick: f"Bearer {token}"}).status_code == 401
    twice = attacked.http.get("/v1/me", headers=[("Authorization", "Bearer x"), ("Authorization", f"Bearer {token}")])
    assert twice.status_code == 400
    assert attacked.http.get(f"/v1/me?access_token={token}").status_code == 400
    elsewhere = make_world()
    from sandbox.service import people

    _, foreign = people.enrol(elsewhere.enclave, elsewhere.administrator, "eve", "acme", "analyst")
    assert get(f"Bearer {foreign}").status_code == 401


def test_a_frozen_person_s_token_asks_nothing(attacked, make_world):
    from line_steps import freeze, lift

    from sandbox.service import people

    world = make_world()
    world.register()
    _, token = people.enrol(world.enclave, world.administrator, "eli", "acme", "analyst")
    http = Http(world)
    sent = {"Authorization": f"Bearer {token}"}
    body = {"sql": COUNT, "purpose": "research", "epsilon": "1", "dry_run": True}
    stop = freeze(world, "person", "eli")
    assert http.post("/v1/queries", body, sent).json()["code"] == "frozen"
    lift(world, stop)
    assert http.post("/v1/queries", body, sent).json()["code"] != "frozen"  # control


# -- submissions -------------------------------------------------------------------------------------------------------


def submissions(attacked):
    """name → body, idempotency key."""
    eve, old, ann, bob = (attacked.pairs[name] for name in ("eve", "eve old", "ann", "bob"))
    true = attacked.body(eve)
    sent = {
        "sql": COUNT + " ",
        "purpose": "care",
        "epsilon": "1.0",
        "need": "for something else",
    }
    forged = {f"another {name}": (true | {name: value}, "key-00077") for name, value in sent.items()}
    lies = sent | {"person": "ann", "idempotency_key": "key-00078", "origin": "another.enclave", "key": old.id}
    from sandbox.proof.submission import Submission, sign_submission

    said = {
        "origin": ORIGIN, "person": "eve", "key": eve.id, "sql": COUNT, "purpose": "research", "epsilon": "1", "need": "",
        "idempotency_key": "key-00077",
    }  # fmt: skip
    for name, value in lies.items():
        signature = sign_submission(eve, Submission(**(said | {name: value})))
        forged[f"signed for another {name}"] = true | {"signature": signature}, "key-00077"
    forged |= {
        f"signature {how}": (true | {"signature": text}, "key-00077")
        for how, text in respelled(true["signature"]).items()
    }
    for whose, pair in (("ann", ann), ("bob", bob), ("nobody", new_key_pair("eve"))):
        forged[f"{whose}'s keys and signature"] = attacked.body(pair), "key-00077"
        forged[f"{whose}'s key"] = true | {"key": pair.id}, "key-00077"
        forged[f"{whose}'s signature"] = true | {"signature": attacked.body(pair)["signature"]}, "key-00077"
        forged[f"{whose}'s signature in eve's name"] = attacked.body(replace(pair, person="eve")), "key-00077"
    forged |= {
        "under another idempotency key": (true, "key-00078"),
        "under the key in capitals": (true, "KEY-00077"),
        "the old key's id over the new signature": (true | {"key": old.id}, "key-00077"),
        "the new key's id over the old signature": (attacked.body(old) | {"key": eve.id}, "key-00077"),
        "unsigned": (true | {"signature": ""}, "key-00077"),
        "without a key": (true | {"key": ""}, "key-00077"),
        "of another enclave": (attacked.body(eve, origin="another.enclave"), "key-00077"),
        "with a field more": (true | {"person": "ann"}, "key-00077"),
        "a number for ε": (true | {"epsilon": 1}, "key-00077"),
        "a list for SQL": (true | {"sql": [COUNT]}, "key-00077"),
        "ann's, replayed by eve": (attacked.body(ann, key="key-first"), "key-first"),
    }
    return forged


WRONG_FORM = {"with a field more", "a number for ε", "a list for SQL", "unsigned", "without a key"} | {
    f"signature {how}" for how in respelled(_b64(bytes(range(64))))
}


def test_no_forged_submission_runs(attacked):
    token = attacked.tokens["eve"]
    forged = submissions(attacked)
    assert len(forged) >= LEAST["submission"]
    spent, measured = attacked.ledger.accounts("patients"), len(attacked.engine.orders)
    codes = {
        name: attacked.post("/v1/queries", body, token, **{"Idempotency-Key": key}).json().get("code")
        for name, (body, key) in forged.items()
    }
    wrong_form = {name for name, code in codes.items() if code == "malformed-request"}
    assert wrong_form <= WRONG_FORM, wrong_form - WRONG_FORM  # the others are well formed, and fail for what they claim
    others = {code for name, code in codes.items() if name not in wrong_form}
    assert others == {"signature-invalid", "keys-required"}, codes
    assert (attacked.ledger.accounts("patients"), len(attacked.engine.orders)) == (spent, measured)
    true = attacked.body(attacked.pairs["eve"])
    sent = attacked.post("/v1/queries", true, token, **{"Idempotency-Key": "key-00077"})
    assert sent.status_code == 202, sent.text  # control
    attacked.settle_down()
    again = attacked.post("/v1/queries", true, token, **{"Idempotency-Key": "key-00077"})
    assert (again.status_code, again.json()["id"]) == (202, sent.json()["id"])
    other = attacked.body(attacked.pairs["eve"], sql=COUNT + " limit 1")
    replayed = attacked.post("/v1/queries", other, token, **{"Idempotency-Key": "key-00077"})
    assert replayed.json()["code"] == "idempotency-key-reused"
    assert len(attacked.engine.orders) == measured + 1


def test_a_certificate_names_the_votes_that_decided_and_nobody(make_world):
    """Of three approving votes by two humans, one decided: no reader is told of three reviewers, nor who they were."""
    world = make_world()
    world.register()
    world.grant("ann", review="two")
    query = world.submit()
    world.settle_down()
    world.at(60_000)
    for reviewer, verdict in (
        ("rita", "approve"),
        ("rhea", "reject"),
        ("rita", "approve"),
        ("rhea", "reject"),
        ("rolf", "approve"),
    ):
        vote(world, getattr(world, reviewer), query, verdict)
    document = release(world, query)
    (named,) = document["certificate"]["facts"]["review"]["approvals"]
    assert (named["round"], world.entries()[named["entry"]]["actor"]) == ("third", "rolf")
    assert not any(name in json.dumps(document) for name in ("rita", "rhea", "rolf"))


def test_a_sealed_file_does_not_let_its_numbers_be_tried_out(attacked):
    """Who holds the file, and knows of the answer all but the noisy numbers, has a digest of it to try them against."""
    said = json.loads(attacked.first["receipts"]["committed"]["entry"])["facts"]["answer"]
    kept = attacked.ledger.query(attacked.first["id"]).answer
    assert said == digest(kept)  # control: with the salt it is this one
    assert said not in {digest({"answer": kept["answer"]}), digest(kept["answer"])}
    assert kept["salt"] not in json.dumps(attacked.first)
