"""The tabs of the list of invoices: states, with the number of their invoices and the amounts due by currency."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from invoices.models import DocumentKind, Invoice
from invoices.models.invoices import AMOUNT_DUE, OPEN_INVOICES, UNSETTLED_INVOICES, InvoiceState
from lib.decimals import ZERO
from lib.formats import format_money, format_number
from lib.translation import Text


@dataclass(frozen=True, slots=True)
class InvoiceTab:
    """
    A tab of the list.

    query: the address's query. count, amounts: of its invoices, in words; empty where there are too many to count.
    """

    title: Text
    query: str
    is_current: bool
    count: str = ""
    amounts: str = ""


def invoice_tabs(request: HttpRequest, invoices: QuerySet[Invoice]) -> list[InvoiceTab]:
    """Return the tabs, with figures of these invoices, by one query."""
    totals = _Totals(invoices)
    chosen = {name: request.GET[name] for name in ("state__exact", "state__in") if request.GET.get(name)}
    tabs = [InvoiceTab(_("All"), "?", not chosen)]
    for title, lookup, states in (
        (_("Draft"), "state__exact", [InvoiceState.DRAFT]),
        (_("Open"), "state__in", OPEN_INVOICES),
        (_("Past due"), "state__exact", [InvoiceState.OVERDUE]),
        (_("Paid"), "state__exact", [InvoiceState.PAID]),
        (_("Uncollectible"), "state__exact", [InvoiceState.UNCOLLECTIBLE]),
    ):
        value = ",".join(states)
        query = f"?kind__exact={DocumentKind.INVOICE}&{lookup}={value}"
        tabs.append(InvoiceTab(title, query, chosen == {lookup: value}, totals.count(states), totals.amounts(states)))
    return tabs


class _Totals:
    def __init__(self, invoices: QuerySet[Invoice]) -> None:
        rows: Any = (
            invoices.filter(kind=DocumentKind.INVOICE, state__in=UNSETTLED_INVOICES)
            .order_by()
            .values_list("state", "currency")
            .annotate(invoices=Count("*"), amount_due=Sum(AMOUNT_DUE))
        )
        self._counts: dict[str, int] = defaultdict(int)
        self._due: dict[str, dict[str, Decimal]] = defaultdict(dict)
        for state, currency, count, due in rows:
            self._counts[state] += count
            self._due[state][str(currency)] = due or ZERO

    def count(self, states: Collection[str]) -> str:
        if not set(states) <= set(UNSETTLED_INVOICES):
            return ""
        return format_number(sum(self._counts[state] for state in states))

    def amounts(self, states: Collection[str]) -> str:
        by_currency: dict[str, Decimal] = defaultdict(Decimal)
        for state in states:
            for currency, due in self._due[state].items():
                by_currency[currency] += due
        largest_first = sorted(by_currency.items(), key=lambda item: -item[1])
        return " · ".join(format_money(due, currency) for currency, due in largest_first if due)
