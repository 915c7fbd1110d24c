"""Pagination of lists, newest first, with cursors that stay valid while rows are added."""

import base64
import binascii
import re
from typing import Any

from django.db.models import Model, QuerySet
from django.views import View
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from lib.api.problems import invalid_fields

# A client that names no limit gets a short page; MAX_ROWS bounds the memory and the time of one response.
DEFAULT_LIMIT = 50
MAX_ROWS = 200

_CURSOR = re.compile(r"1:([0-9]{1,18})", re.ASCII)


class CursorPagination(BasePagination):
    """
    `?limit=50&cursor=…` → {"data": [...], "next_cursor": "…" or null}.

    Rows are in descending order of their id. A cursor holds the id of its page's last row, so rows added or removed
    between two pages neither repeat nor hide others. It is opaque and does not expire.
    """

    def paginate_queryset(self, queryset: QuerySet[Any], request: Request, view: View | None = None) -> list[Any]:
        """
        Return the requested page; one more row is read, to know whether there is a next page.

        :raises Problem: `invalid-fields`, if the limit or the cursor is invalid.
        """
        limit = read_limit(request.query_params.get("limit"))
        cursor = request.query_params.get("cursor")
        if cursor is not None:
            queryset = queryset.filter(pk__lt=_read(cursor))
        rows = list(queryset.order_by("-pk")[: limit + 1])
        self.next_cursor = _write(rows[limit - 1]) if len(rows) > limit else None
        return rows[:limit]

    def get_paginated_response(self, data: list[Any]) -> Response:
        """Return the page as a response."""
        return Response({"data": data, "next_cursor": self.next_cursor})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page of `schema` for OpenAPI."""
        return {
            "type": "object",
            "required": ["data", "next_cursor"],
            "properties": {
                "data": schema,
                "next_cursor": {
                    "type": ["string", "null"],
                    "description": "Send it as `cursor` for the next page; null on the last one.",
                    "example": None,
                },
            },
        }

    def get_schema_operation_parameters(self, view: View) -> list[dict[str, Any]]:
        """Describe the query parameters for OpenAPI."""
        return [
            {
                "name": "limit",
                "in": "query",
                "description": "Rows per page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_ROWS, "default": DEFAULT_LIMIT},
            },
            {
                "name": "cursor",
                "in": "query",
                "description": "`next_cursor` of the page before.",
                "schema": {"type": "string", "maxLength": 64},
            },
        ]


def read_limit(text: str | None) -> int:
    """
    Parse `?limit=` and return the number of rows per page.

    :raises Problem: `invalid-fields`, if it is not a whole number from 1 to MAX_ROWS.
    """
    if text is None:
        return DEFAULT_LIMIT
    if not re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) or not 1 <= int(text) <= MAX_ROWS:
        raise _wrong("limit", f"must be a whole number from 1 to {MAX_ROWS}, not “{text[:20]}”")
    return int(text)


def _write(row: Model) -> str:
    return base64.urlsafe_b64encode(f"1:{row.pk}".encode()).decode().rstrip("=")


def _read(cursor: str) -> int:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    if match := _CURSOR.fullmatch(text):
        return int(match[1])
    raise _wrong("cursor", "must be the next_cursor of an earlier page")


def _wrong(field: str, detail: str) -> Exception:
    return invalid_fields([{"field": field, "code": "invalid", "detail": detail}])
