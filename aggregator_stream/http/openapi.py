"""What FastAPI does not describe by itself: problem details, and a body that is read by hand."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from aggregator_stream.http.posting import PostedUpdate
from aggregator_stream.http.problems import MEDIA_TYPE, Problem

_COMPONENTS = "#/components/schemas/"


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """A media type's description by the name of a model."""
    return {"schema": {"$ref": f"{_COMPONENTS}{model.__name__}"}}


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems with which a route may answer."""
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema_of(Problem)}}
        for status in (*statuses, 500)
    }


def describe(app: FastAPI) -> None:
    """Let ``/openapi.json`` define the models that routes only name."""
    _, named = models_json_schema(
        [(PostedUpdate, "validation"), (Problem, "validation")], ref_template=_COMPONENTS + "{model}"
    )

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schema.setdefault("components", {}).setdefault("schemas", {}).update(named["$defs"])
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
