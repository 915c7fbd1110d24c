"""The report that a page's query asks for: seller, currency and months."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest

from billing.admin.seller_choice import SellerChoice, read_seller_choice
from billing.revenue.metrics.reports import read_currencies
from customers.models import Seller

SEE = "billing.view_recurringrevenue"
"""The permission to see revenue: finance and approvers have it."""


@dataclass(frozen=True, slots=True)
class ReportChoice:
    """
    A seller and one of its currencies, with the choices for other ones.

    seller: None if there is none yet. currency: empty if the seller has no subscriptions.
    """

    seller: Seller | None
    currency: str
    sellers: SellerChoice
    currencies: Sequence[str]

    def query(self, **more: Any) -> str:
        """Return the query of a page about the same seller and currency."""
        chosen = {"seller": self.seller.code if self.seller else "", "currency": self.currency}
        return urlencode(chosen | {name: value for name, value in more.items() if value})


def read_choice(request: HttpRequest) -> ReportChoice:
    """
    Return the chosen seller and currency; default: the first seller and its own currency.

    :raises Http404: if the query names a seller or a currency that has no subscriptions.
    """
    sellers = read_seller_choice(request)
    currencies = read_currencies(sellers.seller) if sellers.seller else []
    currency = request.GET.get("currency", "")
    if currency and currency not in currencies:
        raise Http404(f"There is no report for “{currency}”.")
    return ReportChoice(sellers.seller, currency or next(iter(currencies), ""), sellers, currencies)


def read_month(text: str) -> date | None:
    """
    Return a month by its name, such as 2026-01; None for an empty text.

    :raises Http404: if it is no month.
    """
    if not text:
        return None
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise Http404(f"“{text}” is not a month such as 2026-01.") from None


def read_page(request: HttpRequest, *, most: int) -> int:
    """
    Return the number of a page, counted from 1.

    :raises Http404: if there is no such page.
    """
    text = request.GET.get("page", "1")
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= most):
        raise Http404(f"There is no page “{text}”.")
    return int(text)
