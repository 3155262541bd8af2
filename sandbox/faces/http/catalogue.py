"""The catalogue (登记): what is registered here and can be asked for. Public to everybody signed in; never a row."""

from typing import Any

from fastapi import APIRouter, Depends

from sandbox.faces.http.incoming import Caller, FaceHere, only
from sandbox.faces.http.paths import DatasetName
from sandbox.service import catalogue

router = APIRouter(prefix="/v1/catalogue", tags=["catalogue"], dependencies=[Depends(only())])


@router.get("", summary="Datasets that a grant can be requested for")
def offered(face: FaceHere, person: Caller) -> dict[str, Any]:
    return {"datasets": [view.to_json() for view in catalogue.offered(face.enclave, person)]}


@router.get("/{name}", summary="One dataset on offer: tables and columns, as a grant request names them")
def offer(face: FaceHere, person: Caller, name: DatasetName) -> dict[str, Any]:
    return catalogue.offer(face.enclave, person, name).to_json()
