"""The answers in the OpenAPI document: for each call its statuses, media types, and every field of the body.

The views of the service make the bodies; this says their shapes for programs that read the document. That both agree is
tested on a running enclave, with each role (tests/fuzz).
"""

from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

JSON, TEXT_PLAIN, NDJSON = "application/json", "text/plain", "application/x-ndjson"

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}
DECIMAL: Schema = {"type": "string", "pattern": r"^\d+(\.\d+)?$"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
DIGEST: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
BASE64: Schema = {"type": "string", "pattern": "^[A-Za-z0-9+/]*={0,2}$"}


def one_of(*words: str) -> Schema:
    """One of a few words."""
    return {"type": "string", "enum": list(words)}


def maybe(schema: Schema) -> Schema:
    """That, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": schema}


def by_name(schema: Schema) -> Schema:
    """An object whose fields are named by what they are about."""
    return {"type": "object", "additionalProperties": schema}


def fields(**known: Schema) -> Schema:
    """An object of exactly these fields; one named with a trailing underscore may be left out."""
    properties = {name.removesuffix("_"): schema for name, schema in known.items()}
    required = [name for name in known if not name.endswith("_")]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def named(name: str) -> Schema:
    """A schema of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


_WORDS = fields(en=TEXT, zh=TEXT)
_LINES = fields(en=many(TEXT), zh=many(TEXT))
_SAID = fields(id=TEXT, words=_WORDS)
_PERSON = {"name": TEXT, "organisation": TEXT, "role": TEXT, "identity": TEXT}
_BOUNDS = fields(rows=WHOLE, groups=WHOLE, rows_per_group=WHOLE)
_RECEIPT = {"index": WHOLE, "leaf": DIGEST, "checkpoint": TEXT, "proof": many(DIGEST)}
_COST = fields(space=TEXT, mode=one_of("zcdp", "pure"), amount=DECIMAL, epsilon=DECIMAL, delta=TEXT)
_COLUMN = fields(
    name=TEXT,
    type=one_of("int", "float", "string", "bool", "date", "timestamp"),
    role=one_of("value", "unit", "withheld"),
    keys=maybe(many({"type": ["string", "integer", "boolean"]})),
    bounds=maybe({"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2}),
    granularity=maybe(TEXT),
    max_length=maybe(WHOLE),
    distinct_max=maybe(WHOLE),
    grade=maybe(TEXT),
)
_TABLE = fields(
    name=TEXT,
    unit=maybe(TEXT),
    link=maybe(fields(through=TEXT, column=TEXT, key=TEXT)),
    key=many(TEXT),
    rows_max=WHOLE,
    max_rows_per_unit=WHOLE,
    max_groups_per_unit=WHOLE,
    columns=many(_COLUMN),
)
_SPACE = fields(name=TEXT, mode=one_of("zcdp", "pure"), epsilon=DECIMAL, delta=DECIMAL)
_OFFER = {
    "name": TEXT,
    "title": TEXT,
    "grade": one_of("general", "important", "core"),
    "steward": TEXT,
    "unit_space": TEXT,
}
_DETAILS = {"tables": many(_TABLE), "space": maybe(_SPACE), "epsilon": DECIMAL}
_SCOPE = {
    "analyst": TEXT,
    "organisation": TEXT,
    "datasets": many(TEXT),
    "tables": many(TEXT),
    "columns": many(TEXT),
    "aggregates": many(one_of("count", "count-units", "count-distinct", "sum", "mean", "spread", "quantile")),
    "purpose": TEXT,
    "epsilon": DECIMAL,
    "uses": maybe(WHOLE),
}
_DUTY = one_of("profile", "held", "two")
_ASKED_UNDER = fields(id=TEXT, purpose=TEXT, uses=maybe(WHOLE), used=WHOLE, not_after=MOMENT, review=_DUTY)
_REVIEWED = {
    "id": TEXT,
    "dataset": TEXT,
    "grade": TEXT,
    "purpose": TEXT,
    "outcome": TEXT,
    "state": TEXT,
    "votes_needed": WHOLE,
}
_ROUND = one_of("independent", "consolidation", "third", "afterwards")
_ACCOUNT = ("kind", "owner", "space", "mode", "limit", "spent", "left", "epsilon_limit", "epsilon_spent")
_NUMBERS = {"type": ["string", "number", "boolean", "null"]}

SCHEMAS: dict[str, Schema] = {
    "Health": fields(status=one_of("starting", "ready", "sealed")),
    "Enclave": fields(
        name=TEXT,
        origin=TEXT,
        log_key=TEXT,
        release_key=TEXT,
        network=one_of("private", "shared", ""),
        clock=fields(tick_ms=WHOLE, on=FLAG),
        version=TEXT,
    ),
    "Enrolled": fields(**_PERSON, token=TEXT),
    "Me": fields(**_PERSON, keys=many(fields(id=TEXT)), frozen=FLAG),
    "Keys": fields(id=TEXT, sealing=BASE64, signing=BASE64),
    "Offers": fields(datasets=many(fields(**_OFFER))),
    "Offer": fields(**_OFFER, **_DETAILS),
    "Datasets": fields(datasets=many(fields(**_OFFER, loaded=FLAG))),
    "Dataset": fields(**_OFFER, loaded=FLAG, **_DETAILS, version=maybe(WHOLE)),
    "Load": fields(
        id=TEXT,
        state=one_of("running", "done", "refused", "failed"),
        phase=TEXT,
        done=WHOLE,
        total=WHOLE,
        version=maybe(OBJECT),
        problem=maybe(OBJECT),
    ),
    "Request": fields(
        id=TEXT,
        **_SCOPE,
        not_before=maybe(MOMENT),
        not_after=MOMENT,
        reason=TEXT,
        asked_at=MOMENT,
        state=TEXT,
        grant=maybe(TEXT),
        decided_by=maybe(TEXT),
        decision_reason=maybe(TEXT),
    ),
    "Requests": fields(requests=many(named("Request"))),
    "Grant": fields(
        id=TEXT,
        version=WHOLE,
        request=TEXT,
        **_SCOPE,
        used=WHOLE,
        review=_DUTY,
        not_before=MOMENT,
        not_after=MOMENT,
        given_by=TEXT,
        state=one_of("pending", "active", "expired", "revoked", "frozen", "used-up"),
        signature=BASE64,
    ),
    "Grants": fields(grants=many(named("Grant"))),
    "Accounts": fields(accounts=many(fields(**dict.fromkeys(_ACCOUNT, TEXT)))),
    "Quote": fields(
        verdict=one_of("answerable"),
        dataset=TEXT,
        datasets=many(TEXT),
        table=TEXT,
        version=WHOLE,
        grant=TEXT,
        grants=many(TEXT),
        plan=_LINES,
        picture_=TEXT,
        groups=maybe(WHOLE),
        bounds=_BOUNDS,
        mechanism=one_of("discrete gaussian", "discrete laplace"),
        cost=_COST,
        accounts=many(fields(kind=TEXT, owner=TEXT, left=DECIMAL, more_like_this=WHOLE)),
        errors=many(
            fields(
                column=TEXT,
                half_width=maybe(NUMBER),
                level=NUMBER,
                by_group_size=maybe(by_name(maybe(NUMBER))),
                noisy=FLAG,
            )
        ),
        policy=fields(permitted_by=many(TEXT), bundle=DIGEST),
        review=fields(outcome=one_of("automatic", "held", "sampled"), votes=WHOLE, reasons=many(_SAID)),
        wait_ms=WHOLE,
        spent=one_of("0"),
    ),
    "Query": fields(
        id=TEXT,
        state=TEXT,
        dataset=TEXT,
        datasets=many(TEXT),
        purpose=TEXT,
        epsilon=DECIMAL,
        need=TEXT,
        key=TEXT,
        reused=FLAG,
        cost=_COST,
        accepted_at=MOMENT,
        visible_at=MOMENT,
        receipt=fields(**_RECEIPT),
        review=maybe(fields(id=TEXT, outcome=TEXT, votes_needed=WHOLE)),
    ),
    "Queries": fields(queries=many(named("Query"))),
    "Entry": fields(**_RECEIPT, entry=TEXT),
    "Release": fields(
        format=one_of("sandbox/release/v1"),
        certificate=fields(facts=OBJECT, key=TEXT, signature=BASE64),
        envelope=BASE64,
        receipts=fields(
            reserved=named("Entry"), committed=named("Entry"), released=named("Entry"), reused_=named("Entry")
        ),
        id=TEXT,
        cost=_COST,
        reused=FLAG,
    ),
    "Reviews": fields(reviews=many(fields(**_REVIEWED, voted=FLAG, opened_at=MOMENT))),
    "ReviewCopy": fields(
        **_REVIEWED,
        sentence=_WORDS,
        data_version=WHOLE,
        need=TEXT,
        author=TEXT,
        organisation=TEXT,
        grant=_ASKED_UNDER,
        also_under=many(_ASKED_UNDER),
        plan=_LINES,
        cost=_COST,
        bounds=_BOUNDS,
        checks=many(fields(id=TEXT, words=_WORDS, outcome=one_of("ok", "held", "note"))),
        table=fields(
            columns=many(fields(name=TEXT, kind=one_of("key", "count", "sum", "mean", "computed"), meaning_=TEXT)),
            rows=many(many(_NUMBERS)),
            intervals=by_name(many({"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2})),
            level=NUMBER,
        ),
        round=maybe(_ROUND),
        votes=many(fields(reviewer=TEXT, verdict=one_of("approve", "reject"), reason=TEXT, round=_ROUND)),
        digest=DIGEST,
        opened_at=MOMENT,
    ),
    "Voted": fields(id=TEXT, state=TEXT, decision=maybe(TEXT)),
    "Freeze": fields(
        id=TEXT,
        subject=one_of("person", "grant", "dataset"),
        name=TEXT,
        by=TEXT,
        reason=TEXT,
        at=MOMENT,
        lift_asked_by=maybe(TEXT),
        lifted=FLAG,
    ),
    "Freezes": fields(freezes=many(named("Freeze"))),
    "Explanation": fields(allowed=FLAG, policies=many(_SAID), code=maybe(TEXT), bundle=DIGEST),
    "Inclusion": fields(**_RECEIPT),
    "Consistency": fields(old=WHOLE, new=WHOLE, proof=many(DIGEST)),
    "Found": fields(
        entries=many(
            fields(
                index=WHOLE,
                kind=TEXT,
                at=MOMENT,
                actor=TEXT,
                person=maybe(TEXT),
                organisation=maybe(TEXT),
                datasets=many(TEXT),
                purpose=maybe(TEXT),
                decision=maybe(TEXT),
                text_tag=maybe(TEXT),
            )
        ),
        next=maybe(WHOLE),
        searched=WHOLE,
    ),
    "Opened": fields(entry=named("Entry"), request=OBJECT, opened=named("Entry")),
}

ANSWERS: dict[str, dict[int, str]] = {
    "GET /v1/health": {200: "Health", 503: "Health"},
    "GET /v1/enclave": {200: "Enclave"},
    "POST /v1/people": {201: "Enrolled"},
    "GET /v1/me": {200: "Me"},
    "POST /v1/me/keys": {201: "Keys"},
    "GET /v1/catalogue": {200: "Offers"},
    "GET /v1/catalogue/{name}": {200: "Offer"},
    "POST /v1/datasets": {201: "Dataset"},
    "GET /v1/datasets": {200: "Datasets"},
    "GET /v1/datasets/{name}": {200: "Dataset"},
    "POST /v1/datasets/{name}/versions": {202: "Load"},
    "GET /v1/loads/{load}": {200: "Load"},
    "POST /v1/grant-requests": {201: "Request"},
    "GET /v1/grant-requests": {200: "Requests"},
    "POST /v1/grant-requests/{request}/approval": {201: "Grant"},
    "POST /v1/grant-requests/{request}/refusal": {200: "Request"},
    "GET /v1/grants": {200: "Grants"},
    "GET /v1/grants/{grant}": {200: "Grant"},
    "POST /v1/grants/{grant}/revocation": {200: "Grant"},
    "GET /v1/accounts": {200: "Accounts"},
    "POST /v1/queries": {200: "Quote", 202: "Query"},
    "GET /v1/queries": {200: "Queries"},
    "GET /v1/queries/{query}": {200: "Query"},
    "POST /v1/queries/{query}/withdrawal": {200: "Query"},
    "GET /v1/releases/{query}": {200: "Release"},
    "GET /v1/reviews": {200: "Reviews"},
    "GET /v1/reviews/{review}": {200: "ReviewCopy"},
    "POST /v1/reviews/{review}/votes": {201: "Voted"},
    "POST /v1/freezes": {201: "Freeze"},
    "GET /v1/freezes": {200: "Freezes"},
    "POST /v1/freezes/{freeze}/lift": {200: "Freeze"},
    "POST /v1/policy/explanation": {200: "Explanation"},
    "GET /v1/log/proof/inclusion/{index}": {200: "Inclusion"},
    "GET /v1/log/proof/consistency": {200: "Consistency"},
    "POST /v1/log/search": {200: "Found"},
    "GET /v1/log/entries/{index}": {200: "Entry"},
    "POST /v1/log/entries/{index}/open": {200: "Opened"},
}
TEXTS: dict[str, str] = {"GET /v1/log/checkpoint": TEXT_PLAIN, "GET /v1/log/export": NDJSON}
"""Calls that answer with 200 and a text of that media type."""

_SAYS = {200: "Done", 201: "Made", 202: "Taken up", 503: "Not ready"}


def responses(call: str) -> dict[str, Any]:
    """The responses of a call ("GET /v1/health") where it is not refused.

    Raises:
        KeyError: nothing is said of it.
    """
    if call in TEXTS:
        return {"200": {"description": _SAYS[200], "content": {TEXTS[call]: {"schema": TEXT}}}}
    return {
        str(status): {"description": _SAYS[status], "content": {JSON: {"schema": named(name)}}}
        for status, name in ANSWERS[call].items()
    }
