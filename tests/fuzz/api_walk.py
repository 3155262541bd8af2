"""A walk over every call of the OpenAPI document: schemathesis draws requests that fit it and requests that do not, and every
role sends each of them. Each answer must be one that the document states: status, media type, every field of the body; a
refusal is a problem document with one of the known codes; nothing is a fault.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import mutations
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import Failure, FailureGroup, negative_data_rejection
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sandbox.terms.refusal import catalogue

OPEN = {"GET /v1/health", "GET /v1/enclave"}
"""Calls that need no token."""

UNAVAILABLE = frozenset(kind.code for kind in catalogue() if kind.status == 503)
"""The states that the document's 5XX speaks of; any other answer from 500 on is a finding."""

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
LAX = CHECKS[:-1]
"""For requests that were drawn not to fit and may do since they were changed."""

QUIET = settings(
    deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), print_blob=False
)


@dataclass
class Walked:
    """What a walk showed. `done` are the calls that somebody was answered with success, by status."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    done: set[tuple[str, int]] = field(default_factory=set)
    findings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Good:
    """A request that the right role is answered with success: parameters of the path, of the query, body, headers."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Walk:
    """Where to send requests, as whom (a token for each role; None for nobody), and good requests by call: each is sent as
    it is, and parts of them, with slips in some, go into half of the drawn ones."""

    url: str
    document: dict[str, Any]
    tokens: Mapping[str, str | None]
    goods: Mapping[str, list[Good]]
    examples: int
    number: int = 1

    def operations(self) -> list[APIOperation]:
        """Every call of the document."""
        generation = GenerationConfig(with_security_parameters=False)
        project = ProjectConfig(generation=generation, base_url=self.url)
        config = SchemathesisConfig(projects=ProjectsConfig(default=project))
        schema = schemathesis.openapi.from_dict(self.document, config=config)
        return [result.ok() for result in schema.get_all_operations()]

    def run(self, only: Callable[[str], bool] = lambda _label: True) -> Walked:
        """Walk over the calls whose label `only` takes."""
        walked = Walked()
        with requests.Session() as session:
            session.trust_env = False
            for operation in self.operations():
                if only(operation.label):
                    self._operation(operation, session, walked)
        return walked

    def _operation(self, operation: APIOperation, session: requests.Session, walked: Walked) -> None:
        chance = Random(f"{operation.label} {self.number}")
        goods = self.goods.get(operation.label, [Good()])
        waiting = list(goods)

        def send(case: Case) -> None:
            checks = CHECKS
            if waiting:
                case, checks = made(operation, waiting.pop(0)), LAX
            elif chance.random() < 0.5:
                case, checks = enriched(case, chance.choice(goods), chance), LAX
            for role, token in self.tokens.items():
                self._send(case, role, token, session, walked, checks)

        for mode in modes_of(operation):
            examples = self.examples + len(waiting)
            drawn = settings(QUIET, max_examples=examples)(given(operation.as_strategy(mode))(send))
            seed(self.number)(drawn)()

    def _send(
        self,
        case: Case,
        role: str,
        token: str | None,
        session: requests.Session,
        walked: Walked,
        checks: list[Any],
    ) -> None:
        label = f"{case.operation.label} as {role}"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            response = case.call(session=session, headers=headers, timeout=60)
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, ValueError):
            return  # what no client can send
        walked.requests += 1
        walked.statuses[response.status_code] += 1
        if response.status_code < 300:
            walked.done.add((case.operation.label, response.status_code))
        problems = refusal_problems(case.operation.label, response.status_code, response.headers, response.content)
        if token is None and response.status_code < 400 and case.operation.label not in OPEN:
            problems.append("answered without a token")
        try:
            case.validate_response(response, checks=checks)
        except (FailureGroup, Failure) as failure:
            problems += [str(part) for part in getattr(failure, "exceptions", [failure])]
        if problems:
            walked.findings.append(f"{label}: {case.as_curl_command()}\n" + "\n".join(problems))


def made(operation: APIOperation, good: Good) -> Case:
    """That good request."""
    body = {} if good.body is None else {"body": dict(good.body), "media_type": "application/json"}
    return operation.Case(path_parameters=dict(good.path), query=dict(good.query), headers=dict(good.headers), **body)


def enriched(case: Case, good: Good, chance: Random) -> Case:
    """A drawn request with parts of a good one in it, and slips in half of the bodies."""
    path = {
        name: good.path.get(name, value) if chance.random() < 0.7 else value
        for name, value in (case.path_parameters or {}).items()
    }
    whole = {"query": dict(case.query or {}), "headers": dict(case.headers or {}), "path_parameters": path}
    if good.body is not None and chance.random() < 0.7:
        slips = chance.random() < 0.6
        body = mutations.mutated_json(chance, dict(good.body), lone=False) if slips else dict(good.body)
        return case.operation.Case(body=body, media_type="application/json", **whole)
    return case.operation.Case(body=case.body, media_type=case.media_type, **whole)


def modes_of(operation: APIOperation) -> list[GenerationMode]:
    """A call without parameters and body cannot be called wrongly."""
    sized = operation.body or operation.path_parameters or operation.query
    return list(GenerationMode) if sized else [GenerationMode.POSITIVE]


def refusal_problems(label: str, status: int, headers: Mapping[str, Any], content: bytes) -> list[str]:
    """What is wrong with the form of a refusal; nothing where the answer is none."""
    if status < 400 or (label == "GET /v1/health" and status == 503):
        return []
    media = headers.get("content-type", [""])
    media = media[0] if isinstance(media, list) else media
    if media.partition(";")[0] != "application/problem+json":
        return [f"a refusal as {media}"]
    try:
        problem = json.loads(content)
        code, told = problem["code"], problem["status"]
    except (ValueError, KeyError, TypeError):
        return ["a refusal that is no problem document"]
    found = []
    if told != status:
        found.append(f"the problem says {told}, the response {status}")
    if code not in {kind.code for kind in catalogue()}:
        found.append(f"an unknown code {code!r}")
    if status >= 500 and not (status == 503 and code in UNAVAILABLE):
        found.append(f"a fault: {status} {code}")
    return found
