"""S35: other people's things by their ids, and fields that are not one's to set, on a live enclave.

What is somebody else's is, word for word, what was never there. The control is its owner, to whom it is there. The walk
of every role over every endpoint is `tests/system/test_roles_by_endpoints.py`.
"""

from collections.abc import Iterator

import httpx
import pytest

from sandbox.client.connection import Connection
from sandbox.testing import Enclave

SQL = "select sex, count(*) as n from clinic.visits group by sex"


@pytest.fixture(scope="module")
def theirs(enclave: Enclave) -> tuple[Connection, dict[str, str]]:
    """A victim of another organisation, with a request, a grant, a query and a release."""
    victim = enclave.analyst("victim", org="globex", datasets=["clinic"], purpose="research", epsilon="1")
    query = victim.query(SQL, purpose="research", epsilon="0.1").run()
    query.result(timeout=60)
    request = victim.transport.json("GET", "/v1/grant-requests")["requests"][0]["id"]
    return victim, {
        "queries": query.id,
        "releases": query.id,
        "grants": victim.transport.json("GET", "/v1/grants")["grants"][0]["id"],
        "grant-requests": request,
    }


@pytest.fixture
def owner(enclave: Enclave, theirs: object) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {enclave.token('victim')}"}
    with httpx.Client(base_url=enclave.url, headers=headers, trust_env=False, timeout=30) as client:
        yield client


def never_there(known: str) -> str:
    """An id of the same form that nobody has."""
    return known[:-6] + "ZZZZZZ"


def told(answer: httpx.Response, ids: list[str]) -> tuple[int, str]:
    """Status and words, without what differs with the address and the moment."""
    document = answer.json()
    kept = {key: document[key] for key in document if key not in {"instance", "request_id"}}
    text = str(sorted(kept.items()))
    for item in ids:
        text = text.replace(item, "?")
    return answer.status_code, text


@pytest.mark.parametrize(
    ("method", "kind", "tail", "body"),
    [
        ("GET", "queries", "", None),
        ("GET", "releases", "", None),
        ("POST", "queries", "/withdrawal", {}),
        ("POST", "grants", "/revocation", {"reason": "no longer needed at all"}),
        ("POST", "grant-requests", "/approval", {}),
        ("POST", "grant-requests", "/refusal", {"reason": "no longer needed at all"}),
    ],
)
def test_what_is_somebody_elses_was_never_there(
    http: httpx.Client, theirs: tuple[Connection, dict[str, str]], method: str, kind: str, tail: str, body: dict | None
) -> None:
    known = theirs[1][kind]
    ids = [known, never_there(known)]
    found, nothing = (told(http.request(method, f"/v1/{kind}/{item}{tail}", json=body), ids) for item in ids)
    assert found == nothing
    assert found[0] in {403, 404}


@pytest.mark.parametrize("kind", ["queries", "releases"])
def test_control_its_owner_has_it(owner: httpx.Client, theirs: tuple[Connection, dict[str, str]], kind: str) -> None:
    known = theirs[1][kind]
    assert owner.get(f"/v1/{kind}/{known}").status_code == 200
    assert owner.get(f"/v1/{kind}/{never_there(known)}").status_code == 404


@pytest.mark.parametrize("kind", ["queries", "grants", "grant-requests"])
def test_lists_are_ones_own(
    http: httpx.Client, owner: httpx.Client, theirs: tuple[Connection, dict[str, str]], kind: str
) -> None:
    assert theirs[1][kind] not in http.get(f"/v1/{kind}").text
    assert theirs[1][kind] in owner.get(f"/v1/{kind}").text  # the control


@pytest.mark.parametrize(
    "extra",
    [{"person": "victim"}, {"analyst": "victim"}, {"role": "administrator"}, {"cost": "0"}, {"reused": True}, {"grant": "g"},
     {"state": "done"}, {"review": "none"}, {"id": "q_1"}, {"visible_at": "2020-01-01T00:00:00Z"}, {"entry": 0}],
    ids=lambda extra: next(iter(extra)),
)  # fmt: skip
def test_no_field_is_set_that_is_not_asked_for(http: httpx.Client, extra: dict) -> None:
    ask = {"sql": SQL, "purpose": "research", "epsilon": "0.01", "dry_run": True}
    assert http.post("/v1/queries", json=ask | extra).status_code == 400
    assert http.post("/v1/queries", json=ask).status_code == 200  # the control


def test_a_query_signed_by_another_is_not_run(
    enclave: Enclave, http: httpx.Client, theirs: tuple[Connection, dict[str, str]]
) -> None:
    """The victim's own signed submission, replayed under the thief's token."""
    sent: list[dict] = []
    victim = theirs[0]
    plain = victim.transport.json

    def watched(method: str, path: str, **more):
        if method == "POST" and path == "/v1/queries":
            sent.append(more)
        return plain(method, path, **more)

    victim.transport.json = watched
    try:
        victim.query(SQL, purpose="research", epsilon="0.1").run().result(timeout=60)
    finally:
        victim.transport.json = plain
    body, headers = sent[-1]["body"], sent[-1]["headers"]
    before = http.get("/v1/accounts").json()
    stolen = http.post("/v1/queries", json=body, headers=headers)
    assert stolen.status_code in {400, 403, 409, 422}
    assert http.get("/v1/accounts").json() == before
    # The control: from its signer the same bytes are taken, and answered with the query they stand for.
    again = httpx.post(f"{enclave.url}/v1/queries", json=body, trust_env=False, timeout=60,
                       headers={**headers, "Authorization": f"Bearer {enclave.token('victim')}"})  # fmt: skip
    assert again.status_code in {200, 202}
