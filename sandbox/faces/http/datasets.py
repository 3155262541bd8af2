"""Datasets: register, load, look."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from sandbox.faces.http.incoming import Caller, FaceHere, body_of, only
from sandbox.faces.http.paths import DatasetName, LoadId
from sandbox.faces.http.reference import takes
from sandbox.faces.http.schemas import LoadVersion, RegisterDataset
from sandbox.service import catalogue, load_dataset, register_dataset

router = APIRouter(prefix="/v1", tags=["datasets"], dependencies=[Depends(only())])


@router.post("/datasets", summary="Register a description", status_code=201, openapi_extra=takes(RegisterDataset))
def register(
    face: FaceHere, person: Caller, body: Annotated[RegisterDataset, Depends(body_of(RegisterDataset))]
) -> Response:
    view = register_dataset.register(face.enclave, person, body.description, body.file).to_json()
    return JSONResponse(view, status_code=201, headers={"Location": f"/v1/datasets/{view['name']}"})


@router.get("/datasets", summary="Datasets you may know of")
def listed(face: FaceHere, person: Caller) -> dict[str, Any]:
    return {"datasets": [view.to_json() for view in catalogue.visible(face.enclave, person)]}


@router.get("/datasets/{name}", summary="One dataset: tables, columns, bounds; never a row")
def one(face: FaceHere, person: Caller, name: DatasetName) -> dict[str, Any]:
    return catalogue.view(face.enclave, person, name).to_json()


@router.post(
    "/datasets/{name}/versions", summary="Load files of the inbox", status_code=202, openapi_extra=takes(LoadVersion)
)
def load(
    face: FaceHere,
    person: Caller,
    name: DatasetName,
    body: Annotated[LoadVersion, Depends(body_of(LoadVersion))],
) -> Response:
    view = load_dataset.begin(face.enclave, person, name, dict(body.files), body.mode)
    return JSONResponse(view.to_json(), status_code=202, headers={"Location": f"/v1/loads/{view.id}"})


@router.get("/loads/{load}", summary="How a load is going")
def progress(face: FaceHere, person: Caller, load: LoadId) -> dict[str, Any]:
    return load_dataset.view(face.enclave, person, load).to_json()
