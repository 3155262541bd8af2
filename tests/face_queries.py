"""Queries of the service in memory (face_world): checked, signed for, settled, reviewed, sealed. Real keys and bundles."""

from fractions import Fraction
from typing import Any

from face_documents import BUNDLE, CANARY, LOSS, NOW_TEXT, STATED, Doc, answer, cost, query_id, quote
from face_governed import need

from sandbox.proof.bundle import bundle_document, certificate_digest, make_bundle, salted
from sandbox.proof.submission import Submission, check_submission
from sandbox.terms.canonical import digest
from sandbox.terms.people import Person, Role
from sandbox.terms.refusal import (
    AnswerPending,
    BudgetInsufficient,
    Frozen,
    IdempotencyKeyReused,
    KeysRequired,
    MeasurementForfeited,
    NotFound,
    ReleaseLapsed,
    ReleaseRefused,
    ReleaseWithdrawn,
    ReviewPending,
    Span,
)
from sandbox.terms.refusal import (
    catalogue as refusals,
)


def steer(sql: str) -> None:
    """Refuse or break as the text says."""
    if sql.startswith("refuse:"):
        code = sql.removeprefix("refuse:").split()[0]
        kind = next(kind for kind in refusals() if kind.code == code)
        raise kind("This is why.", span=Span(1, 3, 4), rewrite="select count(*) from clinic.visits")
    if sql.startswith("fault"):
        raise RuntimeError(f"broke over {CANARY}")


def check(world: Any, actor: Person, request: Any, drawn: str = "") -> Doc:
    need(actor, Role.ANALYST)
    steer(request.sql)
    world.calls.append(("check", (request.sql, request.purpose, request.epsilon), {"need": request.need}))
    if Fraction(request.epsilon) > 5:
        raise BudgetInsufficient("The grant account does not cover it.", account="grant", left="0.372")
    quoted = quote(request.epsilon, held=world.votes > 0, votes=world.votes)
    return (
        Doc(quoted, picture=f'<svg xmlns="http://www.w3.org/2000/svg"><title>{drawn}</title></svg>')
        if drawn
        else quoted
    )


def submit(world: Any, actor: Person, request: Any, idempotency_key: str, ticket: Any) -> Doc:
    need(actor, Role.ANALYST)
    steer(request.sql)
    keys = next((keys for keys in world.public_keys.get(actor.name, []) if keys.id == request.key), None)
    if keys is None:
        raise KeysRequired("The submission names no registered keys of yours.", field="key")
    submission = Submission(
        origin=world.origin,
        person=actor.name,
        key=keys.id,
        sql=request.sql,
        purpose=request.purpose,
        epsilon=request.epsilon,
        need=request.need,
        idempotency_key=idempotency_key,
    )
    check_submission(keys, submission, request.signature)
    body = digest({"sql": request.sql, "purpose": request.purpose, "epsilon": request.epsilon, "need": request.need})
    if idempotency_key in world.keys:
        known, query = world.keys[idempotency_key]
        if known != body:
            raise IdempotencyKeyReused
        return world.queries[query]
    query = query_id(len(world.queries) + 1)
    world.keys[idempotency_key] = (body, query)
    world.asked[query] = (submission, request.signature)
    reused = "again" in request.sql
    if reused:
        first = query_id(900 + len(world.queries))
        world.asked[first] = world.asked[query]
        commit(world, first, reserve(world, first))
        seal(world, first)
        world.measured[query] = first
        named = {"query": query, "of": first, "person": actor.name, "key": keys.id, "plan_tag": "5b" * 32} | STATED
        receipt = world.append("query.reused", named)
    else:
        world.measured[query] = query
        receipt = reserve(world, query)
    world.queries[query] = Doc(
        id=query,
        state="running",
        dataset="clinic",
        datasets=["clinic"],
        purpose=request.purpose,
        epsilon=request.epsilon,
        need=request.need,
        key=keys.id,
        reused=reused,
        cost=cost(request.epsilon, "0" if reused else "0.018"),
        accepted_at=NOW_TEXT,
        visible_at="2026-03-01T09:30:00.250000Z",
        receipt=receipt,
        review=None,
    )
    return world.queries[query]


def reserve(world: Any, query: str) -> dict[str, Any]:
    submission, _ = world.asked[query]
    named = {"query": query, "order": order_of(query), "person": submission.person, "key": submission.key}
    more = {"loss": LOSS, "text_tag": "7a" * 32, "plan_tag": "5b" * 32, "bundle": BUNDLE}
    return world.append("query.reserved", named | STATED | more)


def order_of(query: str) -> str:
    return query.replace("q_", "o_")


def reviewed(query: str, votes: int) -> dict[str, Any]:
    """The review of an answer, as the log states it."""
    return {
        "id": query.replace("q_", "rr_"),
        "outcome": "held" if votes else "automatic",
        "votes": votes,
        "reasons": ["grant-held"] if votes else [],
        "profile": "general",
        "digest": digest({"query": query}),
    }


def commit(world: Any, query: str, reserved: dict[str, Any], votes: int = 0) -> None:
    """The order's settlement: from now on there is an answer, and its review."""
    measured = salted(answer(order_of(query)).to_json())
    facts = {
        "query": query,
        "order": order_of(query),
        "answer": digest(measured),
        "review": reviewed(query, votes),
    }
    receipt = world.append("query.committed", facts)
    world.releases[query] = {"reserved": reserved["index"], "committed": receipt["index"], "measured": measured}


def seal(world: Any, query: str) -> None:
    """The release of a committed answer, as `sandbox.service.release_answer` makes it."""
    submission, signature = world.asked[query]
    places = world.releases[query]
    review = world.read_entry(places["committed"])["facts"]["review"]
    votes = world.reviews.get(review["id"], {"votes": []})["votes"]
    covered = world.receipt(places["committed"])
    facts = {
        "query": query,
        "order": order_of(query),
        "text_tag": "7a" * 32,
        "plan_digest": "9d" * 32,
        "mechanism": "discrete gaussian",
        "loss": LOSS,
        "purpose": submission.purpose,
        "person": submission.person,
        "organisation": "acme",
        "key": submission.key,
        "review": {name: review[name] for name in ("id", "outcome", "votes", "profile", "digest")}
        | {
            "decision": "approved",
            "approvals": [{"entry": vote["entry"], "round": vote["round"]} for vote in votes],
        },
        "bundle": BUNDLE,
        "clock": {"tick_ms": 250, "on": True},
        "assurance": "software",
        "network": world.network,
        "log": {
            "origin": world.origin,
            "reserved": places["reserved"],
            "committed": places["committed"],
            "checkpoint": covered["checkpoint"],
            "proof": covered["proof"],
        },
        **STATED,
    }
    keys = next(keys for keys in world.public_keys[submission.person] if keys.id == submission.key)
    certificate, envelope = make_bundle(places["measured"], submission, signature, facts, keys, world.release_key)
    released = {
        "query": query,
        "order": order_of(query),
        "review": review["id"],
        "key": keys.id,
        "certificate": certificate_digest(certificate),
        "envelope": certificate["facts"]["envelope"],
    }
    receipt = world.append("release.released", released)
    places.update(certificate=certificate, envelope=envelope, released=receipt["index"])


def view_query(world: Any, actor: Person, query: str) -> Doc:
    need(actor, Role.ANALYST)
    if query not in world.queries:
        raise NotFound("You have no such query.")
    if world.wait_for > 0:
        world.wait_for -= 1
    elif world.queries[query]["state"] == "running":
        settle(world, world.queries[query])
    return world.queries[query]


def settle(world: Any, query: Doc) -> None:
    """The tick at which a running query's fate shows."""
    if world.forfeit:
        query["state"] = "failed"
        return
    if query["reused"]:
        query["state"] = "done"
        return
    review = reviewed(query["id"], world.votes)
    commit(world, query["id"], query["receipt"], world.votes)
    query["review"] = {"id": review["id"], "outcome": review["outcome"], "votes_needed": world.votes}
    if not world.votes:
        world.let_out(query)
        return
    query["state"] = "in-review"
    world.reviews[review["id"]] = {
        "id": review["id"],
        "query": query["id"],
        "outcome": "held",
        "state": "open",
        "votes_needed": world.votes,
        "votes": [],
        "decision": None,
        "digest": review["digest"],
    }


def list_queries(world: Any, _: Person) -> list[Doc]:
    return list(world.queries.values())


def wait_query(world: Any, actor: Person, query: str, seconds: float) -> Doc:
    world.calls.append(("wait", (query, seconds), {}))
    return view_query(world, actor, query)


def release(world: Any, actor: Person, query: str, seconds: float = 0.0) -> Doc:
    need(actor, Role.ANALYST)
    if seconds:
        wait_query(world, actor, query, seconds)
    if query not in world.queries:
        raise NotFound("You have no such query.")
    seen = world.queries[query]
    spent = seen["cost"]["amount"]
    match seen["state"]:
        case "running":
            raise AnswerPending(visible_at=seen["visible_at"])
        case "in-review":
            raise ReviewPending(review=seen["review"]["id"])
        case "refused":
            reasons = [vote["reason"] for vote in world.reviews[seen["review"]["id"]]["votes"]]
            raise ReleaseRefused(reason=reasons[-1], spent=spent)
        case "withdrawn":
            raise ReleaseWithdrawn(spent=spent)
        case "lapsed":
            raise ReleaseLapsed(spent=spent)
        case "stopped":
            raise Frozen(spent=spent)
        case "failed":
            raise MeasurementForfeited(spent=spent)
    places = world.releases[world.measured[query]]
    receipts = {name: world.stated(world.receipt(places[name])) for name in ("reserved", "committed", "released")}
    if seen["reused"]:
        receipts["reused"] = world.stated(world.receipt(seen["receipt"]["index"]))
    document = bundle_document(places["certificate"], places["envelope"], receipts)
    return Doc(document | {"id": query, "cost": seen["cost"], "reused": seen["reused"]})
