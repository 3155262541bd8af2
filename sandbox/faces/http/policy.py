"""Why the policies allow or refuse: for officers and stewards; the question is itself in the log."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from sandbox.faces.http.incoming import Caller, FaceHere, body_of, only
from sandbox.faces.http.reference import takes
from sandbox.faces.http.schemas import ExplainPolicy
from sandbox.service import explain_policy

router = APIRouter(prefix="/v1/policy", tags=["policy"], dependencies=[Depends(only())])


@router.post("/explanation", summary="Which policies decide on an act, in words", openapi_extra=takes(ExplainPolicy))
def explain(
    face: FaceHere, person: Caller, body: Annotated[ExplainPolicy, Depends(body_of(ExplainPolicy))]
) -> dict[str, Any]:
    return explain_policy.explain(
        face.enclave,
        person,
        subject=body.person,
        action=body.action,
        dataset=body.dataset,
        purpose=body.purpose or "",
        columns=tuple(body.columns or ()),
    ).to_json()
