"""Pagination of lists, newest first, with cursors that stay valid while rows are added."""

import base64
import binascii
import re
from typing import Any

from django.db.models import QuerySet
from django.views import View
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from lib.api.problems import Problem, invalid_field

# A client that names no limit gets a short page; MAX_ROWS bounds the memory and the time of one response.
DEFAULT_LIMIT = 50
MAX_ROWS = 200

# Our cursors are far shorter; a client's text is decoded before it is checked.
MAX_CURSOR_LENGTH = 2_000

LIMIT_SCHEMA = {"type": "integer", "minimum": 1, "maximum": MAX_ROWS, "default": DEFAULT_LIMIT}
CURSOR_SCHEMA = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}

_POSITION = re.compile(r"[0-9]{1,18}(:[0-9]{1,18})*", re.ASCII)


class CursorPagination(BasePagination):
    """
    `?limit=50&cursor=…` → {"data": [...], "next_cursor": "…" or null}.

    Rows are in descending order of their id. A cursor holds the id of its page's last row, so rows added or removed
    between two pages neither repeat nor hide others. It is opaque and does not expire.

    A subclass with another order changes `ordering`, `position`, `rows_after` and, since cursors of the two are not
    interchangeable, `version`.
    """

    version = 1
    ordering: tuple[str, ...] = ("-pk",)

    def paginate_queryset(  # type: ignore[override]  # every list of the API reads rows
        self, queryset: QuerySet[Any], request: Request, view: View | None = None
    ) -> list[Any]:
        """
        Return the requested page; one more row is read, to know whether there is a next page.

        :raises Problem: `invalid-fields`, if the limit or the cursor is invalid.
        """
        limit = read_limit(request.query_params.get("limit"))
        cursor = request.query_params.get("cursor")
        if cursor is not None:
            try:
                queryset = self.rows_after(queryset, *self._read(cursor))
            except OverflowError as error:
                raise invalid_cursor() from error
        rows = list(queryset.order_by(*self.ordering)[: limit + 1])
        self.next_cursor = self._write(rows[limit - 1]) if len(rows) > limit else None
        return rows[:limit]

    def position(self, row: Any) -> tuple[int, ...]:
        """Return the numbers by which rows are ordered."""
        return (row.pk,)

    def rows_after(self, queryset: QuerySet[Any], *position: int) -> QuerySet[Any]:
        """Return the rows after a position."""
        return queryset.filter(pk__lt=position[0])

    def _write(self, row: Any) -> str:
        return encode_cursor(":".join(str(number) for number in (self.version, *self.position(row))))

    def _read(self, cursor: str) -> list[int]:
        text = decode_cursor(cursor)
        if _POSITION.fullmatch(text):
            version, *position = (int(number) for number in text.split(":"))
            if version == self.version and len(position) == len(self.ordering):
                return position
        raise invalid_cursor()

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
                    "description": "Send it as `cursor` to get the next page; null on the last one.",
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
                "schema": LIMIT_SCHEMA,
            },
            {
                "name": "cursor",
                "in": "query",
                "description": "`next_cursor` of the previous page.",
                "schema": CURSOR_SCHEMA,
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
        raise invalid_field("limit", f"must be a whole number from 1 to {MAX_ROWS}, not “{text[:20]}”")
    return int(text)


def encode_cursor(text: str) -> str:
    """Return a position in a list as an opaque cursor."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """
    Return the position that a cursor encodes.

    :raises Problem: `invalid-fields`, if it encodes no text.
    """
    padding = "=" * (-len(cursor) % 4)
    try:
        return base64.b64decode(cursor[:MAX_CURSOR_LENGTH] + padding, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise invalid_cursor() from error


def invalid_cursor() -> Problem:
    """Return the problem of a cursor that no page was answered with."""
    return invalid_field("cursor", "must be the next_cursor of an earlier page")
