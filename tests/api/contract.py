"""Every response that a test receives is compared with the schema of its operation."""

import json
import re
from functools import cache
from typing import Any

from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator


class ContractBroken(AssertionError):
    """A response has a status, a media type or a shape that the schema does not declare."""


@cache
def api_schema() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    """Return (pattern, path) of all paths, those with the fewest parameters first."""
    paths = sorted(api_schema()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), path) for path in paths]


@cache
def _validator(path: str, method: str, status: str, media_type: str) -> Draft202012Validator:
    response = api_schema()["paths"][path][method]["responses"][status]
    schema = response["content"][media_type]["schema"]
    return Draft202012Validator({**schema, "components": api_schema()["components"]})


def check_response(method: str, address: str, response: HttpResponse) -> None:
    """
    Compare a response with the schema.

    :raises ContractBroken: if they differ. Addresses outside of the schema are not compared.
    """
    path = next((path for pattern, path in _templates() if pattern.fullmatch(address)), None)
    operation = api_schema()["paths"].get(path, {}).get(method.lower())
    if operation is None:
        return
    status, request = str(response.status_code), f"{method} {path}"
    if status not in operation["responses"]:
        raise ContractBroken(f"{request} answers {status}, which is not declared: {response.content[:300]!r}")
    contents = operation["responses"][status].get("content", {})
    media_type = response.get("Content-Type", "").partition(";")[0]
    if not contents and not response.streaming and not response.content:
        return
    if media_type not in contents:
        raise ContractBroken(f"{request} answers {status} as {media_type!r}, and declares {list(contents)}")
    if media_type.endswith("json"):
        body = json.loads(response.content)
        errors = [
            f"{error.json_path}: {error.message[:200]}"
            for error in _validator(path, method.lower(), status, media_type).iter_errors(body)
        ]
        if errors:
            raise ContractBroken(f"{request} answers {status}: " + "; ".join(errors[:5]))
