"""
The operations of the API. Each is declared once: by its declaration a request is authorized, parsed and answered, and
the schema describes it.
"""

import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from django.conf import settings
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lib.api.problems import Problem, invalid_fields

RefusalProblem = str | tuple[str, str]
"""
The name of a problem, alone or with the code of the fault in the field that the exception's `field` names. An
`invalid-fields` becomes a `conflict` if the exception names no field.
"""


class Idempotency(Enum):
    """How an operation has one effect when its request is repeated with an Idempotency-Key."""

    RECORDED = auto()  # the first response is stored, and repeated
    NATURAL = auto()  # the operation takes care of it, since it can't run in one transaction
    NONE = auto()  # the operation takes no key


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """
    One operation of a resource.

    method: of HTTP, in lower case. operation_id, summary, description: for the schema; the default description is the
        resource's docstring. scope: the scope that the key needs. idempotency: of a POST.
    request: serializer class of the body, or its OpenAPI schema; None if there is no body.
    response: serializer class of the response, or its schema; default: the resource's `serializer_class`.
    status: of a response that the operation returns as a row. is_list: whether it is a page of rows.
    accepted: serializer class of a response with status 202, if the operation may wait for something.
    problems: the problems that the function raises itself. refusals: exception → the problem that it becomes.
    parameters: of the query. filters: of a list, parameter → lookup.
    filter_choices: the valid values of some filters. labels: the path from a row to its metadata and tags, such as
        `labels__`, if the list can be filtered by them. examples: name → body of a request.
    """

    method: str
    operation_id: str
    summary: str
    description: str
    scope: str
    idempotency: Idempotency
    request: Any = None
    response: Any = None
    status: int = status.HTTP_200_OK
    accepted: Any = None
    is_list: bool = False
    problems: tuple[str, ...] = ()
    refusals: Mapping[type[Exception], RefusalProblem] = field(default_factory=dict)
    parameters: tuple[Any, ...] = ()
    filters: Mapping[str, str] = field(default_factory=dict)
    filter_choices: Mapping[str, Collection[str]] = field(default_factory=dict)
    labels: str | None = None
    examples: Mapping[str, Any] = field(default_factory=dict)

    @property
    def possible_problems(self) -> set[str]:
        """The problems of this operation in particular."""
        names = (problem if isinstance(problem, str) else problem[0] for problem in self.refusals.values())
        return {*self.problems, *names}


def operation(
    method: str,
    operation_id: str,
    summary: str,
    description: str = "",
    *,
    scope: str = "",
    idempotency: Idempotency | None = None,
    **declared: Any,
) -> Callable[[Callable[..., Any]], Callable[..., HttpResponseBase]]:
    """
    Declare a function of an ApiView as an operation, as `get`, `post`, `put`, `patch` and `delete` do for their
    method; `declared` are further fields of `Operation`.

    A GET needs the scope `read`, another method `manage`, unless `scope` names one. A POST that needs more than
    `read` records its response by the Idempotency-Key.

    The function returns a response, a row to serialize as the response, or None for a response without content.
    """

    needed_scope = scope or ("read" if method == "get" else "manage")
    is_recorded = method == "post" and needed_scope != "read"
    declaration = Operation(
        method=method,
        operation_id=operation_id,
        summary=summary,
        description=description,
        scope=needed_scope,
        idempotency=idempotency or (Idempotency.RECORDED if is_recorded else Idempotency.NONE),
        **declared,
    )

    def declare(function: Callable[..., Any]) -> Callable[..., HttpResponseBase]:
        @functools.wraps(function)
        def answer(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            def respond() -> HttpResponseBase:
                with refused_as(declaration.refusals):
                    returned = function(view, request, *args, **kwargs)
                response: HttpResponseBase = view.to_response(returned)
                return response

            return answer_once(view, respond) if declaration.idempotency is Idempotency.RECORDED else respond()

        vars(answer)["operation"] = declaration
        return answer

    return declare


get, post, put, patch, delete = (
    functools.partial(operation, method) for method in ("get", "post", "put", "patch", "delete")
)


def list_rows(
    operation_id: str, summary: str, description: str = "", **declared: Any
) -> Callable[..., HttpResponseBase]:
    """Return the operation that lists the rows of a resource in pages."""

    @get(operation_id, summary, description, is_list=True, **declared)
    def list_all(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = view.paginate_queryset(view.filter_queryset(view.get_queryset()))
        response: Response = view.get_paginated_response(view.represent_page(page))
        return response

    return list_all


def read_row(
    operation_id: str, summary: str, description: str = "", **declared: Any
) -> Callable[..., HttpResponseBase]:
    """Return the operation that reads one row of a resource."""

    @get(operation_id, summary, description, **declared)
    def read(view: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
        return view.get_object()

    return read


@contextmanager
def refused_as(refusals: Mapping[type[Exception], RefusalProblem]) -> Iterator[None]:
    """Turn the exceptions of a refused operation into problems."""
    try:
        yield
    except tuple(refusals) as error:
        problem = next(problem for kind, problem in refusals.items() if isinstance(error, kind))
        name, code = (problem, "") if isinstance(problem, str) else problem
        faulty_field = getattr(error, "field", "")
        errors = [{"field": faulty_field, "code": code, "detail": str(error)}] if code and faulty_field else []
        if name != "invalid-fields":
            raise Problem(name, str(error), errors=errors) from error
        raise (invalid_fields(errors) if errors else Problem("conflict", str(error))) from error


def answer_once(view: APIView, respond: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """Answer a request and record the response, or repeat the recorded one, by the function in the settings."""
    answer: Callable[..., HttpResponseBase] = import_string(settings.IDEMPOTENT_ANSWER)
    return answer(view, respond)


def secret_response(body: Mapping[str, Any], **secret: Any) -> Response:
    """Return a created row with its secret, which the copy stored for repeated requests lacks."""
    response = Response({**body, **secret}, status=status.HTTP_201_CREATED)
    # The module that stores responses reads the attribute.
    response.kept_data = {**response.data, **dict.fromkeys(secret)}  # type: ignore[attr-defined]  # ours
    return response
