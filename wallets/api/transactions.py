"""The ledger over HTTP: each transaction with its entries, which show the grant that paid for each use."""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.views import View
from rest_framework.request import Request

from lib.api.operations import list_rows
from lib.api.pagination import CursorPagination, read_limit
from lib.api.problems import invalid_fields
from wallets.api.serializers import TransactionSerializer
from wallets.api.wallets import WalletRows
from wallets.models import Entry, Movement, Transaction

_CURSOR = re.compile(r"2:([0-9]{1,18}):([0-9]{1,18})", re.ASCII)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class ByTime(CursorPagination):
    """Pagination by time and id, in the order of an index, so that ledgers of millions of rows are read as fast."""

    def paginate_queryset(self, queryset: QuerySet[Any], request: Request, view: View | None = None) -> list[Any]:
        """
        Return the requested page.

        :raises Problem: `invalid-fields`, if the limit or the cursor is invalid.
        """
        limit = read_limit(request.query_params.get("limit"))
        if (cursor := request.query_params.get("cursor")) is not None:
            at, id_ = _decode_cursor(cursor)
            # The redundant bound on `at` lets the index find the start of the page.
            queryset = queryset.filter(Q(at__lt=at) | Q(at=at, pk__lt=id_), at__lte=at)
        rows = list(queryset.order_by("-at", "-pk")[: limit + 1])
        self.next_cursor = _encode_cursor(rows[limit - 1]) if len(rows) > limit else None
        return rows[:limit]


class TransactionsView(WalletRows):
    """All transactions of a wallet."""

    queryset = Transaction.objects.select_related("feature").prefetch_related(
        Prefetch("entries", Entry.objects.order_by("id"))
    )
    serializer_class = TransactionSerializer
    pagination_class = ByTime
    filters = {"kind": "kind", "feature": "feature__code"}
    filter_choices = {"kind": Movement.values}

    get = list_rows("list_wallet_transactions", "List a wallet's movements with their entries, newest first")


def _encode_cursor(row: Transaction) -> str:
    text = f"2:{(row.at - _BEGINNING) // _MICROSECOND}:{row.pk}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> tuple[datetime, int]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        if match := _CURSOR.fullmatch(text):
            return _BEGINNING + int(match[1]) * _MICROSECOND, int(match[2])
    except (binascii.Error, ValueError, OverflowError):
        pass
    detail = "must be the next_cursor of an earlier page"
    raise invalid_fields([{"field": "cursor", "code": "invalid", "detail": detail}])
