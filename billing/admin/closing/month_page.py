"""Month end of all sellers on one page: checklist, open points, figures, lock and accounting files of a month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from billing.admin.closing.seller_month import POINT_TEXTS, SellerMonth, find_freezing_job, month_name
from billing.admin.figure_cache import read_cached
from billing.admin.seller_choice import matching_sellers, search_text, visible_sellers
from billing.models import AccountingTarget, ExportBatch, Job
from billing.models.accounting_files import BatchState
from billing.models.postings import Role
from billing.revenue import month_end
from billing.revenue.month_end.checklist import MAX_COUNTED, ChecklistPoint
from billing.revenue.month_end.month_figures import CurrencyFigures, MonthFigures, read_month_figures
from billing.revenue.month_end.month_lock import points_of_lock
from billing.revenue.month_end.overview import MAX_SELLERS, MonthStatus, read_overview
from customers.models import Seller
from invoices.documents.calendar_months import month_before, month_bounds, month_of, next_month
from invoices.models import MonthLock
from lib.admin import staff_page
from lib.formats import format_money, format_number
from lib.translation import Text

SEE_REVENUE = "billing.view_posting"
SELLERS_PER_PAGE = 4
"""One column for each: more would not fit the width of a page, and each has a checklist of its own."""
MOST_PAGES = 100_000
FRESH_SECONDS = 60
"""Cache time of the figures of an open month, which its postings are computed for."""

STEPS: Sequence[tuple[Text, Sequence[tuple[str, Text, Text]]]] = (
    (
        _("Usage and invoices"),
        (
            ("late_usage", _("Automatic"), _("None")),
            ("unmatched_usage", _("Operations"), _("None")),
            ("approvals", _("Approver"), _("None")),
            ("periods_open", _("Automatic"), _("All invoiced")),
            ("periods_failed", _("Finance"), _("None")),
            ("drafts", _("Finance"), _("None")),
            ("without_file", _("Automatic"), _("All created")),
            ("not_sent", _("Operations"), _("None")),
        ),
    ),
    (
        _("Money"),
        (
            ("payments_pending", _("Automatic"), _("None")),
            ("payments_unmatched", _("Finance"), _("None")),
            ("overpaid", _("Finance"), _("None")),
        ),
    ),
    (
        _("Revenue and books"),
        (
            ("accruals_failed", _("Finance"), _("All computed")),
            ("unmapped", _("Finance"), _("All mapped")),
            ("audit_missing", _("Finance"), _("Done")),
            ("audit_violated", _("Engineer"), _("None")),
            ("earlier_open", _("Approver"), _("All locked")),
        ),
    ),
)
"""Group of steps → code of the point, who clears it, and the text once it is clear."""

CHANGE_TEXTS: Mapping[Role, Text] = {
    Role.DEFERRED: _("Deferred revenue: increase −, release +"),
    Role.UNBILLED: _("Unbilled revenue: accrued +, invoiced −"),
    Role.PREPAID: _("Prepaid balance: packs sold −, credits used and expired +"),
}


class StepCell(NamedTuple):
    """A step of a seller. color: good, warn or bad; empty if the lock stored no such step."""

    color: str
    text: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class SellerColumn:
    """A seller's month on the page. points: as they are now, or as stored with the lock."""

    place: SellerMonth
    lock: MonthLock | None
    points: Mapping[str, ChecklistPoint]
    figures: MonthFigures | None
    is_over: bool
    freezing: Job | None

    @property
    def blocker_count(self) -> int:
        return sum(point.prevents_lock for point in self.points.values())

    @property
    def is_lockable(self) -> bool:
        return self.is_over and self.lock is None and not self.blocker_count

    @property
    def earned(self) -> str:
        currencies = self.figures.currencies if self.figures else []
        amounts = [format_money(row.earned, row.currency) for row in currencies if row.earned]
        return get_text_list(amounts, gettext("and"))

    @property
    def extent(self) -> str:
        """The number of postings that the lock freezes, or froze, and of the rows that they follow from."""
        if self.lock is not None:
            count = self.lock.postings or 0
            return ngettext("%(count)s posting", "%(count)s postings", count) % {"count": format_number(count)}
        rows = self.figures.freezable if self.figures else []
        values = {
            "postings": format_number(sum(row.postings for row in rows)),
            "sources": format_number(sum(row.sources for row in rows)),
        }
        return gettext("%(postings)s postings from %(sources)s sources") % values


def page(request: HttpRequest, *, may_lock: bool, may_audit: bool) -> HttpResponse:
    """
    Return the page of a month for all sellers: last month, unless the address names another one.

    :raises Http404: if the address names no month, or a page of sellers that does not exist.
    """
    at = timezone.now()
    visible, search = visible_sellers(request), search_text(request)
    month = _chosen_month(request, visible, at)
    number = _page_number(request)
    start = (number - 1) * SELLERS_PER_PAGE
    overview_start = start - start % MAX_SELLERS
    # The overview has the sellers around those of the page; one more tells whether there is a next page.
    around = list(matching_sellers(visible, search)[overview_start : overview_start + MAX_SELLERS + 1])
    overview_sellers, following = around[:MAX_SELLERS], around[start - overview_start :]
    shown, has_more = following[:SELLERS_PER_PAGE], len(following) > SELLERS_PER_PAGE
    if not shown and number > 1:
        raise Http404(f"There is no page {number} of sellers.")
    sees_revenue = request.user.has_perm(SEE_REVENUE)
    columns = _columns(shown, month, at, sees_revenue=sees_revenue)
    today = max((at.astimezone(ZoneInfo(seller.time_zone)).date() for seller in shown), default=at.date())
    rows = read_overview(overview_sellers, at=at)
    here = {"month": f"{month:%Y-%m}"} | ({"find": search} if search else {})
    context = {
        "month": month,
        "name": month_name(month),
        "earlier": month_before(month),
        "later": next_month(month) if month < month_of(today) else None,
        "is_running": month == month_of(today),
        "columns": columns,
        "steps": _steps_shown(columns, sees_revenue=sees_revenue),
        "done": sum(not point.is_open for column in columns for point in column.points.values()),
        "step_count": sum(len(column.points) for column in columns),
        "blocker_count": sum(column.blocker_count for column in columns if column.lock is None),
        "remaining": _remaining(columns, sees_revenue=sees_revenue),
        "sees_revenue": sees_revenue,
        "figures": [
            (column, _figures_shown(column.place, row))
            for column in columns
            for row in (column.figures.currencies if column.figures else [])
        ],
        "bridges": [_bridge(column) for column in columns if column.figures and column.figures.currencies],
        "as_of": min((column.figures.as_of for column in columns if column.figures), default=at),
        "may_lock": may_lock,
        "may_audit": may_audit,
        "lockable": [column for column in columns if column.is_lockable],
        "unlocked": [column for column in columns if column.lock is None],
        "files": _files(shown, month) if sees_revenue else [],
        "earlier_files": _imported_files(shown, month_before(month)) if sees_revenue else [],
        "page": number,
        "search": search,
        "is_paged": has_more or number > 1,
        "extent": gettext("Sellers %(first)s–%(last)s")
        % {"first": format_number(start + 1), "last": format_number(start + len(shown))},
        "here": urlencode(here | {"page": number}),
        "newer": urlencode(here | {"page": number - 1}) if number > 1 else "",
        "older": urlencode(here | {"page": number + 1}) if has_more else "",
        "sellers": overview_sellers,
        "rows": [(row[0].month, [(status, *_state(status)) for status in row]) for row in rows if row],
    }
    return staff_page(request, "staff/closing/months.html", title=month_name(month), **context)


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST_PAGES):
        raise Http404(f"There is no page {text} of sellers.")
    return int(text)


def _chosen_month(request: HttpRequest, sellers: QuerySet[Seller], at: datetime) -> date:
    text = request.GET.get("month", "")
    if text:
        try:
            return date.fromisoformat(f"{text}-01")
        except ValueError:
            raise Http404(f"“{text}” is not a month such as 2026-01.") from None
    names = sellers.order_by().values_list("time_zone", flat=True).distinct()
    zones = {ZoneInfo(name) for name in names} or {ZoneInfo("UTC")}
    return month_before(month_of(min(at.astimezone(zone).date() for zone in zones)))


def _columns(sellers: Sequence[Seller], month: date, at: datetime, *, sees_revenue: bool) -> list[SellerColumn]:
    locks = MonthLock.objects.filter(seller__in=sellers, month=month, unlocked_at__isnull=True)
    by_seller = {lock.seller_id: lock for lock in locks.select_related("locked_by")}
    return [
        _column(SellerMonth(seller, month), by_seller.get(seller.pk), at, sees_revenue=sees_revenue)
        for seller in sellers
    ]


def _column(place: SellerMonth, lock: MonthLock | None, at: datetime, *, sees_revenue: bool) -> SellerColumn:
    seller, month = place.seller, place.month
    points = points_of_lock(lock) if lock else month_end.read_checklist(seller=seller, month=month)
    state = "open" if lock is None else f"{lock.pk}-{lock.frozen_at is not None}"
    figures = read_cached(
        f"staff:month:{seller.pk}:{month}:{state}",
        FRESH_SECONDS,
        lambda: read_month_figures(seller, month, lock=lock, at=at),
    )
    is_freezing = lock is not None and lock.frozen_at is None
    return SellerColumn(
        place,
        lock,
        {point.code: point for point in points},
        figures if sees_revenue else None,
        is_over=at >= month_bounds(month, ZoneInfo(seller.time_zone))[1],
        freezing=find_freezing_job(lock) if lock is not None and is_freezing else None,
    )


def _steps_shown(columns: Sequence[SellerColumn], *, sees_revenue: bool) -> list[tuple[Text, list[dict[str, Any]]]]:
    return [
        (
            group,
            [
                {
                    "title": POINT_TEXTS[code][0],
                    "owner": owner,
                    "cells": [_cell(column, code, clear, sees_revenue=sees_revenue) for column in columns],
                }
                for code, owner, clear in steps
            ],
        )
        for group, steps in STEPS
    ]


def _cell(column: SellerColumn, code: str, clear: Text, *, sees_revenue: bool) -> StepCell:
    point = column.points.get(code)
    if point is None:
        return StepCell("", gettext("not checked"))
    if not point.is_open:
        return StepCell("good", str(clear))
    text = gettext("not done") if code == "audit_missing" else _count(point)
    if amounts := _amounts(point, sees_revenue=sees_revenue):
        text = f"{text}, {amounts}"
    return StepCell("bad" if point.prevents_lock else "warn", text, POINT_TEXTS[code][2](column.place))


def _count(point: ChecklistPoint) -> str:
    return f"{format_number(MAX_COUNTED)}+" if point.count > MAX_COUNTED else format_number(point.count)


def _amounts(point: ChecklistPoint, *, sees_revenue: bool) -> str:
    if point.code == "unmapped" and not sees_revenue:
        return ""
    return get_text_list(
        [format_money(amount, currency) for currency, amount in sorted(point.amounts.items())], gettext("and")
    )


def _remaining(columns: Sequence[SellerColumn], *, sees_revenue: bool) -> list[dict[str, Any]]:
    """Return the open points of the sellers that have not locked the month, those that block the lock first."""
    opened: dict[tuple[bool, str], list[tuple[SellerColumn, ChecklistPoint]]] = {}
    for column in columns:
        for code, point in column.points.items():
            if column.lock is None and point.is_open:
                opened.setdefault((not point.prevents_lock, code), []).append((column, point))
    return [
        {
            "color": "warn" if is_warning else "bad",
            "title": POINT_TEXTS[code][0],
            "note": POINT_TEXTS[code][1],
            "rows": [
                {
                    "seller": column.place.seller if len(columns) > 1 else "",
                    "text": ", ".join(filter(None, [_count(point), _amounts(point, sees_revenue=sees_revenue)])),
                    "link": POINT_TEXTS[code][2](column.place),
                }
                for column, point in rows
            ],
        }
        for (is_warning, code), rows in sorted(opened.items(), key=lambda entry: entry[0][0])
    ]


def _figures_shown(place: SellerMonth, row: CurrencyFigures) -> dict[str, Any]:
    """Return the figures of a seller in one currency, each with the link to its rows."""
    name = f"{place.month:%Y-%m}"
    cells = [
        (row.invoiced, place.documents(kind__exact="invoice")),
        (row.tax, place.postings(row.currency, month=name, role=Role.TAX.value)),
        (-row.credited, place.documents(kind__exact="credit_note")),
        (row.collected, place.postings(row.currency, month=name, role=Role.CASH.value)),
        (row.earned, place.postings(row.currency, month=name, income="")),
        (row.receivables, place.postings(row.currency, until=name, role=Role.RECEIVABLE.value)),
    ]
    return {
        "currency": row.currency,
        "cells": [(format_money(amount, row.currency), link) for amount, link in cells],
    }


def _bridge(column: SellerColumn) -> dict[str, Any]:
    """Return the rows from invoiced to earned, one column for each currency of a seller."""
    place, figures = column.place, column.figures.currencies if column.figures else []
    name = f"{place.month:%Y-%m}"
    rows: list[tuple[Text, list[tuple[str, str]]]] = [
        (
            _("Invoiced, net of tax"),
            [(format_money(row.invoiced, row.currency), place.documents(kind__exact="invoice")) for row in figures],
        ),
        (
            _("Credit notes"),
            [(_signed(-row.credited, row.currency), place.documents(kind__exact="credit_note")) for row in figures],
        ),
    ]
    rows += [
        (
            text,
            [
                (
                    _signed(row.changes[role], row.currency),
                    place.postings(row.currency, month=name, role=role.value),
                )
                for row in figures
            ],
        )
        for role, text in CHANGE_TEXTS.items()
    ]
    if any(row.other for row in figures):
        link = f"{reverse('admin:revenue_report', args=['trial-balance'])}?"
        span = {"seller": place.seller.code, "since": name, "until": name}
        others = [
            (_signed(row.other, row.currency), link + urlencode(span | {"currency": row.currency})) for row in figures
        ]
        rows.append((_("Write-offs, rounding and opening balances"), others))
    return {
        "seller": place.seller,
        "currencies": [row.currency for row in figures],
        "rows": rows,
        "earned": [
            (format_money(row.earned, row.currency), place.postings(row.currency, month=name, income=""))
            for row in figures
        ],
    }


def _signed(amount: Decimal, currency: str) -> str:
    sign = "+" if amount > 0 else ""
    return f"{sign}{format_money(amount, currency)}"


def _files(sellers: Sequence[Seller], month: date) -> list[dict[str, Any]]:
    """Return the targets of these sellers, each with the state of the month's files."""
    latest: dict[tuple[int, str], ExportBatch] = {}
    batches = ExportBatch.objects.filter(seller__in=sellers, month=month).defer("rows")
    for batch in batches.order_by("pk"):
        before = latest.get((batch.seller_id, batch.target))
        if before is None or before.state == BatchState.PROVISIONAL or batch.state != BatchState.PROVISIONAL:
            latest[batch.seller_id, batch.target] = batch
    targets = AccountingTarget.objects.filter(seller__in=sellers).select_related("seller")
    return [
        {"target": target, "batch": latest.get((target.seller_id, target.target))}
        for target in targets.order_by("seller__legal_name", "target")
    ]


def _imported_files(sellers: Sequence[Seller], month: date) -> list[ExportBatch]:
    """Return the first final batches of the month before, so that a person finds the last import."""
    final = ExportBatch.objects.filter(seller__in=sellers, month=month).exclude(state=BatchState.PROVISIONAL)
    return list(final.defer("rows").order_by("pk")[:SELLERS_PER_PAGE])


def _state(status: MonthStatus) -> tuple[str, str]:
    """Return the status of a month as (color, text)."""
    if status.lock is not None:
        return "good", gettext("locked")
    if status.failed:
        return "bad", gettext("%(count)s failed") % {"count": format_number(status.failed)}
    if status.open:
        text = gettext("%(count)s to invoice") % {"count": format_number(status.open)}
        return "warn" if status.is_over else "", text
    return "", gettext("ready to lock") if status.is_over else gettext("open month")
