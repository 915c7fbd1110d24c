"""What a customer has prepaid: balance, lots and when they expire, what moved, statements."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from customers.portal.visit import Visit, paginate, render_page, signed_in
from invoices.portal.formats import PortalFigures, portal_figures
from plans.models import Feature
from wallets.ledger.balances import EMPTY_BALANCES, read_balances
from wallets.ledger.errors import LedgerRefused
from wallets.models import Lot, TopUpRule, Transaction, Wallet
from wallets.statements.downloads import csv_answer, pdf_answer
from wallets.statements.files import NoFont
from wallets.statements.formats import stands_in
from wallets.statements.ledger_sums import read_statement

MOST_WALLETS = 50
MOST_LOTS = 100
MONTHS = 12
DAY = timedelta(days=1)
FILES = {"pdf": pdf_answer, "csv": csv_answer}
TOLD = {
    "bought": "Bought. It is in the wallet when its invoice is paid.",
    "granted": "Bought, and in the wallet already. Its invoice is to be paid.",
    "ruled": "Saved. The wallet is topped up as said below.",
    "unruled": "The wallet is topped up by itself no more.",
}


@signed_in()
def wallets(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    return render_page(request, visit, "wallets.html", {"wallets": wallets_of(visit, portal_figures(visit))})


def wallets_of(visit: Visit, figures: PortalFigures) -> list[dict[str, Any]]:
    """Return the customer's open wallets as text, in the order in which they are taken from: in two queries."""
    open_ones = visit.own_rows(Wallet.objects.filter(closed_at__isnull=True))
    found = list(open_ones.order_by("priority", "pk")[:MOST_WALLETS])
    standing = read_balances([one.pk for one in found], at=visit.at)
    return [_shown(one, standing.get(one.pk, EMPTY_BALANCES), figures) for one in found]


def _shown(one: Wallet, standing: Any, figures: PortalFigures) -> dict[str, Any]:
    def amount(units: Any) -> str:
        return figures.in_currency(units, stands_in(one.unit))

    return {
        "pk": one.pk,
        "name": one.name,
        "balance": amount(one.balance),
        "is_low": one.balance <= 0,
        "available": amount(standing.available),
        "held": amount(standing.held) if standing.held else "",
        "debt": amount(one.debt) if one.debt else "",
        "expiring": amount(standing.expiring) if standing.next_expiry else "",
        "next_expiry": figures.moment(standing.next_expiry) if standing.next_expiry else "",
    }


@signed_in()
def wallet(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    found: Wallet = visit.own_row(Wallet.objects.all(), pk=number)
    figures = portal_figures(visit)
    standing = read_balances([found.pk], at=visit.at).get(found.pk, EMPTY_BALANCES)
    moved = visit.own_rows(Transaction.objects.filter(wallet=found), "wallet__customer").select_related("feature")
    movements, more = paginate(moved, request)
    rule = visit.own_rows(TopUpRule.objects.filter(wallet=found), "wallet__customer").select_related("pack").first()
    context = {
        "wallet": found,
        "shown": _shown(found, standing, figures),
        "lots": _lots(visit, found, figures),
        "movements": [_movement(one, found, figures) for one in movements],
        "more": more,
        "months": _months(visit),
        "rule": rule,
        "told": TOLD.get(request.GET.get("told", "")),
    }
    return render_page(request, visit, "wallet.html", context)


def _lots(visit: Visit, found: Wallet, figures: PortalFigures) -> list[dict[str, Any]]:
    """Return what the wallet holds, what expires first on top."""
    rows = visit.own_rows(Lot.objects.filter(wallet=found, has_left=True), "wallet__customer")
    lots = list(rows.order_by(F("expires_at").asc(nulls_last=True), "pk")[:MOST_LOTS])
    numbers = {number for one in lots for number in one.features}
    names = dict(Feature.objects.filter(pk__in=numbers).values_list("pk", "name"))
    unit = stands_in(found.unit)
    return [
        {
            "kind": one.get_kind_display(),
            "left": figures.in_currency(one.remaining, unit),
            "amount": figures.in_currency(one.amount, unit),
            "begins": figures.moment(one.valid_from) if one.valid_from > visit.at else "",
            "expires": figures.moment(one.expires_at) if one.expires_at else "",
            "rolls_over": one.rolls_over,
            "features": ", ".join(names[number] for number in one.features if number in names),
        }
        for one in lots
    ]


def _movement(one: Transaction, found: Wallet, figures: PortalFigures) -> dict[str, Any]:
    unit = stands_in(found.unit)
    what = f"{one.get_kind_display()}: {one.feature}" if one.feature_id else str(one.get_kind_display())
    return {
        "at": figures.moment(one.at),
        "what": what[:1].upper() + what[1:],
        "units": figures.in_currency(one.units, unit),
        "balance": figures.in_currency(one.balance_after, unit),
    }


def _months(visit: Visit) -> list[dict[str, Any]]:
    """Return the running month and those before it, newest first, each with the days of its statement."""
    zone = ZoneInfo(visit.customer.time_zone)
    last = visit.at.astimezone(zone).date()
    began = visit.customer.created_at.astimezone(zone).date().replace(day=1)
    figures, found = portal_figures(visit), []
    for _ in range(MONTHS):
        first = last.replace(day=1)
        found.append({"name": figures.month(first), "since": first, "until": last})
        last = first - DAY
        if last < began:
            break
    return found


@signed_in()
def statement(
    request: HttpRequest, visit: Visit, number: int, since: date, until: date, kind: str
) -> HttpResponseBase:
    """Send the statement of some days, both included."""
    found: Wallet = visit.own_row(Wallet.objects.select_related("customer__seller"), pk=number)
    zone = ZoneInfo(visit.customer.time_zone)
    begin, end = datetime.combine(since, time.min, zone), datetime.combine(until + DAY, time.min, zone)
    try:
        return FILES[kind](found, read_statement(found, since=begin, until=end), since=begin, until=end)
    except (LedgerRefused, NoFont, KeyError) as refused:
        raise Http404(str(refused)) from refused
