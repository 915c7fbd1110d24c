"""The ledger over HTTP: each transaction with its entries, which show the grant that paid for each use."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from lib.api.operations import list_rows
from lib.api.pagination import CursorPagination
from wallets.api.serializers import TransactionSerializer
from wallets.api.wallets import WalletRows
from wallets.models import Entry, Movement, Transaction

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class ByTime(CursorPagination):
    """Pagination by time and id, in the order of an index, so that ledgers of millions of rows are read as fast."""

    version = 2
    ordering = ("-at", "-pk")

    def position(self, row: Transaction) -> tuple[int, ...]:
        """Return the time in microseconds, and the id."""
        return (row.at - _BEGINNING) // _MICROSECOND, row.pk

    def rows_after(self, queryset: QuerySet[Any], *position: int) -> QuerySet[Any]:
        """Return the transactions before a time, and those of that time with a lower id."""
        at, id_ = _BEGINNING + position[0] * _MICROSECOND, position[1]
        # The redundant bound on `at` lets the index find the start of the page.
        return queryset.filter(Q(at__lt=at) | Q(at=at, pk__lt=id_), at__lte=at)


class TransactionsView(WalletRows[Transaction]):
    """All transactions of a wallet."""

    queryset = Transaction.objects.select_related("feature").prefetch_related(
        Prefetch("entries", Entry.objects.order_by("id"))
    )
    serializer_class = TransactionSerializer
    pagination_class = ByTime

    list_all = list_rows(
        "list_wallet_transactions",
        "List a wallet's transactions with their entries, newest first",
        filters={"kind": "kind", "feature": "feature__code"},
        filter_choices={"kind": Movement.values},
    )
