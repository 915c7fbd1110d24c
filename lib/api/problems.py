"""
Every refusal as `application/problem+json` (RFC 9457).

A body has `type` (/problems/<name>, which explains it), `title`, `status`, `detail`, `instance` (the request's id)
and, if fields are at fault, `errors`: a list of {field, code, detail}, where `field` is a dotted path.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelInvalid
from django.db import Error as DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from rest_framework import exceptions

from lib.api.db_errors import problem_arguments
from lib.api.problem_types import PROBLEM_TYPES

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """
    Reject a request: `raise Problem("conflict", "Plan “pro” has no price in CHF; …")`.

    name: a key of PROBLEM_TYPES. detail: the cause this time, the value and the remedy.
    errors: {field, code, detail} for each field at fault. retry_after: seconds. extensions: further members of the
        body, as JSON values.

    :raises KeyError: if `name` is not a key of PROBLEM_TYPES.
    """

    def __init__(
        self,
        name: str,
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, str]] = (),
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.name = name
        self.kind = PROBLEM_TYPES[name]
        self.detail = detail or self.kind.remedy
        self.errors = errors
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(math.ceil(retry_after))


def handle_exception(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """
    Turn an exception of a view into a response; REST framework calls this.

    Unexpected exceptions are passed on (None): Django logs them, and the middleware answers `internal-error`.
    """
    problem = to_problem(error)
    if problem is None:
        return None
    return problem_response(problem, request=context["request"])


def problem_response(problem: Problem, *, request: HttpRequest) -> HttpResponse:
    """Return the response for a problem."""
    body: dict[str, Any] = {
        "type": f"/problems/{problem.name}",
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "instance": getattr(request, "request_id", ""),
    }
    body |= problem.extensions
    if problem.errors:
        body["errors"] = list(problem.errors)
    # `detail` may quote the caller's input, which can hold lone surrogates; they become “?”.
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return HttpResponse(text, content_type=MEDIA_TYPE, status=problem.kind.status, headers=problem.headers)


def to_problem(error: Exception) -> Problem | None:
    """Return the problem that explains an error to the caller, or None for an internal error."""
    match error:
        case Problem():
            return error
        case exceptions.ValidationError():
            return invalid_fields(list(_flat(error.detail)))
        case ModelInvalid():
            return invalid_fields(list(_flat(exceptions.ValidationError(_messages(error)).detail)))
        case exceptions.APIException():
            return _framework_problem(error)
        case Http404():
            return Problem("not-found")
        case PermissionDenied():
            return Problem("scope-missing")
        case RequestDataTooBig():
            return Problem("body-too-large")
        case SuspiciousOperation() | UnreadablePostError():
            return Problem("malformed-request")
        case DatabaseError() | psycopg.Error():
            refusal = problem_arguments(error)
            return None if refusal is None else Problem(**refusal)
    return None


def invalid_fields(errors: Sequence[Mapping[str, str]]) -> Problem:
    """Return the problem for missing or invalid fields."""
    detail = "; ".join(f"{error['field'] or 'body'}: {error['detail']}" for error in errors[:3])
    more = f"; and {len(errors) - 3} more" if len(errors) > 3 else ""
    return Problem("invalid-fields", detail + more, errors=errors)


def invalid_field(field: str, detail: str, code: str = "invalid") -> Problem:
    """Return the problem for one missing or invalid field."""
    return invalid_fields([{"field": field, "code": code, "detail": detail}])


_NAMES = {
    400: "malformed-request",
    401: "not-authenticated",
    403: "scope-missing",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "body-too-large",
    415: "unsupported-media-type",
    422: "unprocessable",
    429: "too-many-requests",
}


def problem_name(status: int) -> str:
    """Return the problem's name for an HTTP status when nothing else is known."""
    return _NAMES.get(status, "malformed-request" if status < 500 else "internal-error")


def _framework_problem(error: exceptions.APIException) -> Problem | None:
    if error.status_code >= 500:
        return None
    errors = _flat(error.detail)
    challenge = getattr(error, "auth_header", None)
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    return Problem(
        problem_name(error.status_code),
        " ".join(field_error["detail"] for field_error in errors),
        headers=headers,
        retry_after=getattr(error, "wait", None),
    )


def _messages(error: ModelInvalid) -> Any:
    return error.message_dict if hasattr(error, "error_dict") else error.messages


def _flat(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Flatten REST framework's nested details into {field, code, detail}."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            path_part = "" if name in {"non_field_errors", "__all__"} else str(name)
            yield from _flat(inner, ".".join(filter(None, (path, path_part))))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list)
            yield from _flat(inner, f"{path}.{index}".lstrip(".") if nested else path)
    else:
        yield {"field": path, "code": getattr(detail, "code", "invalid"), "detail": str(detail)}
