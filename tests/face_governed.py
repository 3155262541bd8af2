"""The governed half of the service in memory (face_world): keys, requests, grants, freezes, reviews, explanations.

`world` is a face_world.World. Each function stands where the use case of its name stands, with its states and its roles;
the policies behind them are not here.
"""

from base64 import b64encode
from typing import Any

from face_documents import (
    BUNDLE,
    DETAILS,
    GRANT,
    NOW_TEXT,
    OFFER,
    REQUEST,
    Doc,
    made_id,
    review_copy,
)

from sandbox.proof.entry import time_text
from sandbox.proof.key_pairs import check_possession, check_rotation, key_id
from sandbox.terms.people import Person, PublicKeys, Role
from sandbox.terms.refusal import (
    AlreadyDecided,
    NameTaken,
    NotFound,
    OwnRequest,
    ProofFailed,
    ReviewChanged,
    RoleNotPermitted,
    SignatureInvalid,
)


def need(actor: Person, *roles: Role) -> None:
    if actor.role not in roles:
        raise RoleNotPermitted(f"This takes the role {roles[0].value}.")


# -- people and keys -----------------------------------------------------------------------------------------------------


def me(world: Any, actor: Person) -> Doc:
    return Doc(
        name=actor.name,
        organisation=actor.organisation,
        role=actor.role.value,
        identity=actor.identity,
        keys=[{"id": keys.id} for keys in world.public_keys.get(actor.name, [])],
        frozen=is_frozen(world, "person", actor.name),
    )


def register_keys(
    world: Any, actor: Person, sealing: bytes, signing: bytes, proof: bytes, rotation: bytes | None = None
) -> Doc:
    need(actor, Role.ANALYST)
    keys = PublicKeys(key_id(actor.name, sealing, signing), actor.name, sealing, signing)
    known = world.public_keys.setdefault(actor.name, [])
    if any(other.id == keys.id for other in known):
        raise NameTaken("These keys are registered already.")
    try:
        check_possession(keys, world.origin, proof)
        if known:
            check_rotation(known[-1], keys, world.origin, rotation or b"")
    except ProofFailed:
        raise SignatureInvalid from None
    known.append(keys)
    world.append("keys.registered", {"person": actor.name, "key": keys.id})
    return _keys_shown(keys)


def own_keys(world: Any, actor: Person) -> list[Doc]:
    need(actor, Role.ANALYST)
    return [_keys_shown(keys) for keys in world.public_keys.get(actor.name, [])]


def _keys_shown(keys: PublicKeys) -> Doc:
    sealing, signing = (b64encode(half).decode() for half in (keys.sealing, keys.signing))
    return Doc(id=keys.id, sealing=sealing, signing=signing)


# -- the catalogue and grants --------------------------------------------------------------------------------------------


def offered(_: Any, __: Person) -> list[Doc]:
    return [Doc(OFFER)]


def offer(_: Any, __: Person, name: str) -> Doc:
    if name != "clinic":
        raise NotFound
    return Doc(OFFER | DETAILS)


def request_grant(world: Any, actor: Person, **terms: Any) -> Doc:
    need(actor, Role.ANALYST)
    if terms["datasets"] != ("clinic",):
        raise NotFound("The catalogue has no such dataset.")
    world.calls.append(("request", (), terms))
    listed = {name: list(terms[name]) for name in ("tables", "columns", "aggregates") if terms[name] is not None}
    request = Doc(
        REQUEST
        | listed
        | {name: terms[name] for name in ("purpose", "epsilon", "uses", "reason")}
        | {
            "id": made_id("gr", len(world.requests) + 1),
            "analyst": actor.name,
            "organisation": actor.organisation,
            "not_before": time_text(terms["not_before"]) if terms["not_before"] is not None else None,
            "not_after": time_text(terms["not_after"]),
        }
    )
    world.requests[request.id] = request
    return request


def list_requests(world: Any, actor: Person) -> list[Doc]:
    need(actor, Role.ANALYST, Role.STEWARD, Role.OFFICER)
    return list(world.requests.values())


def approve(world: Any, actor: Person, request: str, **terms: Any) -> Doc:
    asked = _open_request(world, actor, request)
    world.calls.append(("approve", (request,), terms))
    changed = {name: value for name, value in terms.items() if value is not None}
    changed |= {name: list(changed[name]) for name in ("tables", "columns", "aggregates") if name in changed}
    changed |= {name: time_text(changed[name]) for name in ("not_before", "not_after") if name in changed}
    grant_id = made_id("g", len(world.grants) + 1)
    asked.update(state="approved", grant=grant_id, decided_by=actor.name)
    scope = {name: asked[name] for name in GRANT if name in asked and name not in ("id", "not_before", "state")}
    world.grants[grant_id] = Doc(GRANT | scope | changed | {"id": grant_id, "request": request, "given_by": actor.name})
    return world.grants[grant_id]


def decline(world: Any, actor: Person, request: str, reason: str) -> Doc:
    asked = _open_request(world, actor, request)
    asked.update(state="declined", decided_by=actor.name, decision_reason=reason)
    return asked


def _open_request(world: Any, actor: Person, request: str) -> Doc:
    need(actor, Role.STEWARD)
    if request not in world.requests:
        raise NotFound
    if world.requests[request]["state"] != "asked":
        raise AlreadyDecided
    asked: Doc = world.requests[request]
    return asked


def list_grants(world: Any, actor: Person) -> list[Doc]:
    need(actor, Role.ANALYST, Role.STEWARD, Role.OFFICER)
    return list(world.grants.values())


def view_grant(world: Any, actor: Person, grant: str) -> Doc:
    need(actor, Role.ANALYST, Role.STEWARD, Role.OFFICER)
    if grant not in world.grants:
        raise NotFound
    found: Doc = world.grants[grant]
    return found


def revoke(world: Any, actor: Person, grant: str, reason: str) -> Doc:
    need(actor, Role.STEWARD)
    found = view_grant(world, actor, grant)
    if found.state == "revoked":
        raise AlreadyDecided
    found["state"] = "revoked"
    world.append("grant.revoked", {"grant": grant, "reason": reason})
    for query in world.queries.values():
        if query["state"] == "in-review":
            query["state"] = "lapsed"
    return found


# -- freezes -------------------------------------------------------------------------------------------------------------


def is_frozen(world: Any, subject: str, name: str) -> bool:
    found = world.freezes.values()
    return any((item["subject"], item["name"], item["lifted"]) == (subject, name, False) for item in found)


def freeze(world: Any, actor: Person, subject: str, name: str, reason: str) -> Doc:
    need(actor, Role.OFFICER)
    known = {"person": world.names(), "grant": set(world.grants), "dataset": {"clinic"}}
    if name not in known[subject]:
        raise NotFound
    if is_frozen(world, subject, name):
        raise AlreadyDecided
    made = Doc(
        id=made_id("f", len(world.freezes) + 1),
        subject=subject,
        name=name,
        by=actor.name,
        reason=reason,
        at=NOW_TEXT,
        lift_asked_by=None,
        lifted=False,
    )
    world.freezes[made.id] = made
    return made


def lift(world: Any, actor: Person, freeze: str, reason: str) -> Doc:
    need(actor, Role.OFFICER)
    if freeze not in world.freezes:
        raise NotFound
    found: Doc = world.freezes[freeze]
    if found.lifted:
        raise AlreadyDecided
    if found.lift_asked_by == actor.name:
        raise OwnRequest
    world.append("freeze.lifted" if found.lift_asked_by else "freeze.lift-asked", {"freeze": freeze, "reason": reason})
    found.update({"lifted": True} if found.lift_asked_by else {"lift_asked_by": actor.name})
    return found


def list_freezes(world: Any, actor: Person) -> list[Doc]:
    need(actor, Role.OFFICER, Role.STEWARD)
    return list(world.freezes.values())


# -- reviews -------------------------------------------------------------------------------------------------------------


def list_reviews(world: Any, actor: Person) -> list[Doc]:
    need(actor, Role.REVIEWER)
    return [
        Doc(
            id=review["id"],
            dataset="clinic",
            grade="general",
            purpose=world.queries[review["query"]]["purpose"],
            outcome=review["outcome"],
            state=review["state"],
            votes_needed=review["votes_needed"],
            voted=any(vote["reviewer"] == actor.name for vote in review["votes"]),
            opened_at=NOW_TEXT,
        )
        for review in world.reviews.values()
    ]


def copy_review(world: Any, actor: Person, review: str) -> Doc:
    need(actor, Role.REVIEWER)
    if review not in world.reviews:
        raise NotFound
    world.append("review.viewed", {"review": review})
    found = world.reviews[review]
    return review_copy(found, world.queries[found["query"]], actor.name)


def vote(world: Any, actor: Person, review: str, verdict: str, reason: str, digest: str) -> Doc:
    need(actor, Role.REVIEWER)
    if review not in world.reviews:
        raise NotFound
    found = world.reviews[review]
    if found["decision"] is not None or any(item["reviewer"] == actor.name for item in found["votes"]):
        raise AlreadyDecided
    if digest != found["digest"]:
        raise ReviewChanged
    entry = world.append("review.voted", {"review": review, "verdict": verdict, "reason": reason})
    found["votes"].append(
        {"reviewer": actor.name, "verdict": verdict, "reason": reason, "round": "independent", "entry": entry["index"]}
    )
    if len(found["votes"]) >= found["votes_needed"]:
        approved = all(item["verdict"] == "approve" for item in found["votes"])
        found.update(decision="approved" if approved else "rejected", state="approved" if approved else "rejected")
        query = world.queries[found["query"]]
        if approved:
            world.let_out(query)
        else:
            query["state"] = "refused"
    return Doc(id=review, state=found["state"], decision=found["decision"])


def withdraw(world: Any, actor: Person, query: str) -> Doc:
    need(actor, Role.ANALYST)
    if query not in world.queries:
        raise NotFound
    if world.queries[query]["state"] != "in-review":
        raise AlreadyDecided
    world.queries[query]["state"] = "withdrawn"
    found = world.reviews[world.queries[query]["review"]["id"]]
    found.update(decision="withdrawn", state="withdrawn")
    asked: Doc = world.queries[query]
    return asked


# -- explanations --------------------------------------------------------------------------------------------------------


def explain(world: Any, actor: Person, **asked: Any) -> Doc:
    need(actor, Role.OFFICER, Role.STEWARD)
    world.calls.append(("explain", (), asked))
    allowed = asked["action"] == "submit-query"
    words = {"en": "An analyst may ask within a grant.", "zh": "分析人员可在授权范围内查询。"}
    return Doc(
        allowed=allowed,
        policies=[{"id": "analyst-within-grant", "words": words}] if allowed else [],
        code=None if allowed else "role-not-permitted",
        bundle=BUNDLE,
    )
