"""Filters of lists by the query parameters that the operation declares."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db.models import QuerySet
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from lib.api.labels import FILTER_PARAMETERS, filter_by_labels, is_label_filter
from lib.api.problems import invalid_field

MONTH = r"^(20|21)[0-9]{2}-(0[1-9]|1[0-2])$"
"""The months of two centuries: months before and after each of them exist."""

MONTH_SCHEMA = {"type": "string", "pattern": MONTH}

PAGING = frozenset({"limit", "cursor"})
FLAGS = {"": False, "false": False, "0": False, "true": True, "1": True}
"""The values of a parameter that is true or false, as texts of an address."""


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
        has_labels = view.operation.labels is not None
        for name, value in request.query_params.items():
            if name in others or (has_labels and is_label_filter(name)):
                continue
            if name not in lookups:
                known = ", ".join(sorted({*lookups, *others, *(("tag", "metadata[…]") if has_labels else ())}))
                detail = f"is not a parameter of this operation; known parameters are {known}"
                raise invalid_field(name[:80], detail, "unknown")
            if value not in choices.get(name, (value,)):
                raise invalid_field(name, f"“{value[:40]}” is not one of {', '.join(choices[name])}")
            queryset = queryset.filter(**{lookups[name]: value})
        return filter_by_labels(queryset, request, path=view.operation.labels) if has_labels else queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters for OpenAPI."""
        choices = view.operation.filter_choices
        label_parameters = FILTER_PARAMETERS if view.operation.labels is not None else []
        by_name = [
            {
                "name": name,
                "in": "query",
                "schema": {"type": "string", **({"enum": list(choices[name])} if name in choices else {})},
            }
            for name in view.operation.filters
        ]
        return [*by_name, *(dict(parameter) for parameter in label_parameters)]


def read_month(name: str, text: str) -> date:
    """
    Return the first day of a month in a query parameter.

    :raises Problem: `invalid-fields`, if it is not in the format of `MONTH`.
    """
    if not re.fullmatch(MONTH, text):
        raise invalid_field(name, f"“{text[:40]}” is not a month of the years 2000 to 2199; write it like 2026-01.")
    return date.fromisoformat(f"{text}-01")


def read_flag(parameters: Mapping[str, str], name: str) -> bool:
    """
    Return a query parameter that is true or false; false if it is missing.

    :raises Problem: `invalid-fields`, if it is neither.
    """
    text = parameters.get(name, "")
    if text not in FLAGS:
        raise invalid_field(name, f"“{text[:40]}” is neither true nor false.")
    return FLAGS[text]
