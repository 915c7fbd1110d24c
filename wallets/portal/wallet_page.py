"""The customer's wallets: balances, lots and their expiry, movements, and statements."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.portal.visit import Visit, render_page, signed_in
from invoices.portal.formats import PortalFigures, portal_figures
from plans.models import Feature
from wallets.ledger.balance_history import read_balance_history
from wallets.ledger.balances import EMPTY_BALANCES, WalletBalances, read_balances
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.ongoing_balance import read_ongoing_balances
from wallets.models import Lot, TopUpRule, Wallet
from wallets.portal.activity import read_activity
from wallets.portal.auto_topup import off_reason
from wallets.portal.balance_chart import draw_balance
from wallets.portal.purchase import has_offer, offered_units
from wallets.portal.runway import Runway, read_runways
from wallets.statements.description import GRANTS
from wallets.statements.downloads import csv_answer, pdf_answer
from wallets.statements.files import NoFont
from wallets.statements.formats import display_currency
from wallets.statements.ledger_sums import read_statement

# Bounds the length of the page for a customer with very many wallets or small grants.
MAX_WALLETS = 50
MAX_LOTS = 100
MONTHS = 12
CHART_DAYS = 30
DAY = timedelta(days=1)
FILES = {"pdf": pdf_answer, "csv": csv_answer}
MESSAGES = {
    "bought": _("Order placed. The wallet is topped up when the invoice is paid."),
    "granted": _("The wallet is topped up. Please pay the invoice by its due date."),
    "ruled": _("Auto top-up saved."),
    "unruled": _("Auto top-up is off."),
}


@signed_in()
def wallets(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    offered = offered_units(visit)
    shown = [
        {**text, "can_top_up": has_offer(wallet_row, offered)}
        for wallet_row, text in _open_wallets(visit, portal_figures(visit))
    ]
    return render_page(request, visit, "wallets.html", {"wallets": shown})


def wallets_of(visit: Visit, figures: PortalFigures) -> list[dict[str, Any]]:
    """Return the customer's open wallets as text, in the order in which they pay, in four queries."""
    return [text for _wallet, text in _open_wallets(visit, figures)]


def _open_wallets(visit: Visit, figures: PortalFigures) -> list[tuple[Wallet, dict[str, Any]]]:
    open_wallets = visit.own_rows(Wallet.objects.filter(closed_at__isnull=True))
    wallet_rows = list(open_wallets.order_by("priority", "pk")[:MAX_WALLETS])
    balances_by_wallet = read_balances([row.pk for row in wallet_rows], at=visit.at)
    runways = read_runways(visit, wallet_rows)
    return [
        (row, _balances(row, balances_by_wallet.get(row.pk, EMPTY_BALANCES), figures, runways.get(row.pk), visit.at))
        for row in wallet_rows
    ]


def _balances(
    wallet_row: Wallet, balances: WalletBalances, figures: PortalFigures, runway: Runway | None, at: datetime
) -> dict[str, Any]:
    def amount(units: Decimal) -> str:
        return figures.in_currency(units, display_currency(wallet_row.unit))

    return {
        "pk": wallet_row.pk,
        "name": wallet_row.name,
        "balance": amount(wallet_row.balance),
        "is_low": wallet_row.balance <= 0,
        "runway": runway.text(wallet_row, figures, at=at) if runway else "",
        "available": amount(balances.available),
        "held": amount(balances.held) if balances.held else "",
        "debt": amount(wallet_row.debt) if wallet_row.debt else "",
        "expiring": amount(balances.expiring) if balances.next_expiry else "",
        "next_expiry": figures.moment(balances.next_expiry) if balances.next_expiry else "",
    }


@signed_in()
def wallet(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    wallet_row: Wallet = visit.own_row(Wallet.objects.all(), pk=number)
    figures = portal_figures(visit)
    balances = read_balances([wallet_row.pk], at=visit.at).get(wallet_row.pk, EMPTY_BALANCES)
    runway = read_runways(visit, [wallet_row]).get(wallet_row.pk)
    rule = (
        visit.own_rows(TopUpRule.objects.filter(wallet=wallet_row), "wallet__customer").select_related("pack").first()
    )
    can_top_up = has_offer(wallet_row, offered_units(visit))
    context = {
        "wallet": wallet_row,
        "balances": _balances(wallet_row, balances, figures, runway, visit.at)
        | {"ongoing": _ongoing(wallet_row, figures, visit)},
        "chart": _chart(visit, wallet_row, runway, figures),
        "lots": _lots(visit, wallet_row, figures),
        **read_activity(request, visit, wallet_row, figures),
        "months": _months(visit),
        "rule": rule,
        "can_top_up": can_top_up,
        "auto_top_up": _auto_top_up_text(rule) if rule or can_top_up else "",
        "message": MESSAGES.get(request.GET.get("message", "")),
    }
    return render_page(request, visit, "wallet.html", context)


def _ongoing(wallet_row: Wallet, figures: PortalFigures, visit: Visit) -> str:
    """Return the ongoing balance as text; empty if the wallet pays no invoices."""
    balance = read_ongoing_balances([wallet_row], at=visit.at).get(wallet_row.pk)
    return "" if balance is None else figures.in_currency(balance, display_currency(wallet_row.unit))


def _auto_top_up_text(rule: TopUpRule | None) -> str:
    if rule is not None and rule.is_on:
        return gettext("Auto top-up is on: it buys %(pack)s.") % {"pack": rule.pack}
    return (rule is not None and off_reason(rule)) or gettext("Auto top-up is off.")


def _lots(visit: Visit, wallet_row: Wallet, figures: PortalFigures) -> list[dict[str, Any]]:
    """Return the lots of the wallet, the first to expire on top."""
    rows = visit.own_rows(Lot.objects.filter(wallet=wallet_row, has_left=True), "wallet__customer")
    lots = list(rows.order_by(F("expires_at").asc(nulls_last=True), "pk")[:MAX_LOTS])
    feature_ids = {number for lot in lots for number in lot.features}
    names = dict(Feature.objects.filter(pk__in=feature_ids).values_list("pk", "name"))
    unit = display_currency(wallet_row.unit)
    return [
        {
            "kind": GRANTS[lot.kind],
            "left": figures.in_currency(lot.remaining, unit),
            "amount": figures.in_currency(lot.amount, unit),
            "begins": figures.moment(lot.valid_from) if lot.valid_from > visit.at else "",
            "expires": figures.moment(lot.expires_at) if lot.expires_at else "",
            "rolls_over": lot.rolls_over,
            "features": ", ".join(names[number] for number in lot.features if number in names),
        }
        for lot in lots
    ]


def _chart(visit: Visit, wallet_row: Wallet, runway: Runway | None, figures: PortalFigures) -> dict[str, Any]:
    """Return the balance at the end of each of the last days, today's as of now, and where it leads."""
    zone, unit = ZoneInfo(visit.customer.time_zone), display_currency(wallet_row.unit)
    today = visit.at.astimezone(zone).date()
    days = [today - DAY * back for back in reversed(range(CHART_DAYS))]
    moments = [datetime.combine(day + DAY, time.min, zone) for day in days]
    balances = read_balance_history(wallet_row.pk, moments=moments)
    left = (runway.ends_at.astimezone(zone).date() - today).days if runway else 0
    is_near = 0 < left <= CHART_DAYS
    drawing = draw_balance(balances, days_left=left if is_near else None)
    return {
        "drawing": drawing,
        "top": figures.in_currency(drawing.axes[0].quantity, unit),
        "first": figures.short_day(days[0]),
        "last": figures.short_day(today + DAY * left if is_near else today),
        "rows": [
            (figures.short_day(day), figures.in_currency(units, unit))
            for day, units in zip(reversed(days), reversed(balances), strict=True)
        ],
    }


def _months(visit: Visit) -> list[dict[str, Any]]:
    """Return the current month and the months before it, newest first, each with the days of its statement."""
    zone = ZoneInfo(visit.customer.time_zone)
    last = visit.at.astimezone(zone).date()
    began = visit.customer.created_at.astimezone(zone).date().replace(day=1)
    figures, months = portal_figures(visit), []
    for _month in range(MONTHS):
        first = last.replace(day=1)
        months.append({"name": figures.month(first), "since": first, "until": last})
        last = first - DAY
        if last < began:
            break
    return months


@signed_in()
def statement(
    request: HttpRequest, visit: Visit, number: int, since: date, until: date, kind: str
) -> HttpResponseBase:
    """Send the statement of some days, both ends included."""
    wallet_row: Wallet = visit.own_row(Wallet.objects.select_related("customer__seller"), pk=number)
    zone = ZoneInfo(visit.customer.time_zone)
    begin, end = datetime.combine(since, time.min, zone), datetime.combine(until + DAY, time.min, zone)
    try:
        return FILES[kind](wallet_row, read_statement(wallet_row, since=begin, until=end), since=begin, until=end)
    except (LedgerRefused, NoFont, KeyError) as refused:
        raise Http404(str(refused)) from refused
