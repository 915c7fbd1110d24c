"""The pages of a customer in a frame of the product: usage by day, balances, and the whole portal, all read-only."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import Resolver404, resolve

from billing.portal.bar_charts import draw
from billing.portal.usage import read_usage_context
from customers.models.portal_access import EmbeddedPage
from customers.portal.brand import brand_of
from customers.portal.frames import embedded
from customers.portal.visit import Visit
from invoices.portal.formats import PortalFigures, portal_figures
from wallets.ledger.balance_history import read_balance_history
from wallets.models import Wallet
from wallets.portal.wallet_page import wallets_of
from wallets.statements.formats import display_currency

DAY = timedelta(days=1)
SHOWN_DAYS = 30
"""Days of the chart of a balance, today included."""

MAX_CHARTS = 5
"""Wallets with a chart; the list above the charts has all of them."""


@embedded(EmbeddedPage.USAGE)
def embedded_usage(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    brand = brand_of(visit.customer.seller)
    return render(request, "embed/usage.html", {"visit": visit, "brand": brand, **read_usage_context(request, visit)})


@embedded(EmbeddedPage.BALANCE)
def embedded_balance(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    figures = portal_figures(visit)
    today = visit.at.astimezone(ZoneInfo(visit.customer.time_zone)).date()
    days = [today - DAY * back for back in reversed(range(SHOWN_DAYS))]
    rows = visit.own_rows(Wallet.objects.filter(closed_at__isnull=True)).order_by("priority", "pk")
    context = {
        "visit": visit,
        "brand": brand_of(visit.customer.seller),
        "wallets": wallets_of(visit, figures),
        "charts": [_chart(wallet, days, visit, figures) for wallet in rows[:MAX_CHARTS]],
        "first": figures.short_day(days[0]),
        "last": figures.short_day(days[-1]),
    }
    return render(request, "embed/balance.html", context)


def _chart(wallet: Wallet, days: list[date], visit: Visit, figures: PortalFigures) -> dict[str, Any]:
    """Return the balance of a wallet at the end of each day; today's as of now."""
    zone, unit = ZoneInfo(visit.customer.time_zone), display_currency(wallet.unit)
    moments = [datetime.combine(day + DAY, time.min, zone) for day in days]
    balances = read_balance_history(wallet.pk, moments=moments)

    def amount(units: Decimal) -> str:
        return figures.in_currency(units, unit)

    rows = [
        {"day": figures.short_day(day), "balance": amount(units)} for day, units in zip(days, balances, strict=True)
    ]
    drawing = draw(balances, [], [f"{row['day']}: {row['balance']}" for row in rows])
    return {"name": wallet.name, "drawing": drawing, "top": amount(drawing.axes[0].quantity), "rows": rows}


@embedded(EmbeddedPage.PORTAL)
def embedded_portal(request: HttpRequest, visit: Visit, path: str) -> HttpResponseBase:
    """
    Show a page of the portal, whose links stay below the token's address.

    :raises Http404: if the portal has no such page for signed-in visitors.
    """
    try:
        match = resolve(f"/portal/{path}")
    except Resolver404 as error:
        raise Http404 from error
    page = getattr(match.func, "shown_page", None)
    if page is None:  # of a page that only changes something, or that is open to anyone
        raise Http404
    request.resolver_match = match  # the navigation marks the current page
    response: HttpResponseBase = page(request, visit, **match.kwargs)
    return response
