"""Filters of lists by the query parameters that the operation declares."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from lib.api.problems import invalid_field

PAGING = frozenset({"limit", "cursor"})


class QueryParameterFilter(BaseFilterBackend):
    """
    Filters a list by the operation's `filters`; the view itself reads the operation's other `parameters`.

    An unknown parameter is rejected: if it were ignored, a mistyped one would list everything.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """
        Return the rows that match every parameter sent.

        :raises Problem: `invalid-fields`, if a parameter or its value is unknown.
        """
        lookups, choices = view.operation.filters, view.operation.filter_choices
        others = PAGING | {parameter.name for parameter in view.operation.parameters}
        for name, value in request.query_params.items():
            if name in others:
                continue
            if name not in lookups:
                known = ", ".join(sorted({*lookups, *others}))
                detail = f"is not a parameter of this operation; known parameters are {known}"
                raise invalid_field(name[:80], detail, "unknown")
            if value not in choices.get(name, (value,)):
                raise invalid_field(name, f"“{value[:40]}” is not one of {', '.join(choices[name])}")
            queryset = queryset.filter(**{lookups[name]: value})
        return queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters for OpenAPI."""
        choices = view.operation.filter_choices
        return [
            {
                "name": name,
                "in": "query",
                "schema": {"type": "string", **({"enum": list(choices[name])} if name in choices else {})},
            }
            for name in view.operation.filters
        ]
