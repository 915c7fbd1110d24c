"""The home of finance and approvers: a seller's month to date by currency, its tasks, and the system's health."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing.admin.closing.late_usage import totals_shown
from billing.admin.closing.seller_month import month_name
from billing.admin.figure_cache import read_cached
from billing.admin.revenue.mrr_page import KIND_NAMES
from billing.admin.seller_choice import read_seller_choice
from billing.closing.late_usage.report import LateReport, report_late_usage
from billing.metering.usage.unmatched_value import estimate_unmatched_value, filter_reports
from billing.models import Job, UnmatchedUsage
from billing.models.jobs import JobKind, JobState
from billing.models.postings import Role
from billing.revenue.finance_home.earned_revenue import MONTHS_SHOWN, EarnedRevenue, read_earned_revenue
from billing.revenue.finance_home.invoices_and_cash import (
    PAST_DUE,
    InvoicesAndCash,
    Receivables,
    read_invoices_and_cash,
)
from billing.revenue.finance_home.month_to_date import Comparison, MonthToDate, month_to_date
from billing.revenue.finance_home.mrr import MrrToDate, read_mrr_to_date
from billing.revenue.finance_home.tasks import MOST_COUNTED, count_tasks
from billing.revenue.ledger.books import read_books
from billing.revenue.ledger.live_postings import CASH
from customers.models import Seller
from invoices.documents.calendar_months import month_before
from lib.admin.charts import ChartSeries, StaffChart, bar_chart
from lib.decimals import ZERO, exact_sum
from lib.formats import format_money, format_number
from lib.money import round_money, round_to
from lib.translation import Text
from plans.metrics.movements import GAINS

SEE = ("billing.view_posting", "billing.view_recurringrevenue", "invoices.view_invoice")
"""The permissions to see this page: finance and approvers have them."""

FRESH_SECONDS = 60
MOST_CURRENCIES = 4
"""Currencies shown, the seller's first; the reports have all of them."""
TENTH = Decimal("0.1")
BAR_HEIGHT = 66


class ChartedKinds(NamedTuple):
    """A series of the chart with the number of its color, and the kinds of income in it."""

    name: Text
    color: int
    kinds: Sequence[str]


SERIES = (
    ChartedKinds(gettext_lazy("Fees and seats"), 1, ("base_fees", "seats", "add_ons", "one_time", "one_off")),
    ChartedKinds(gettext_lazy("Usage"), 3, ("usage", "surcharge")),
    ChartedKinds(gettext_lazy("Prepaid and true-ups"), 4, ("prepaid", "breakage", "true_up")),
    ChartedKinds(gettext_lazy("Credits and discounts"), 5, ("credit", "credit_notes", "discounts")),
)


@dataclass(frozen=True, slots=True)
class HomeFigures:
    """All figures of the page, as of one time. unmatched_worth: the estimate of unmatched usage by currency."""

    span: MonthToDate
    first_open: date
    locked_months: int
    amounts: InvoicesAndCash
    earned: dict[str, EarnedRevenue]
    recurring: dict[str, MrrToDate]
    tasks: dict[str, int]
    unmatched_worth: Mapping[str, Decimal]
    late: LateReport
    jobs: dict[str, Job]


class Amount(NamedTuple):
    """An amount of a card. direction: up, down or neither. color: good or bad, where the direction is either."""

    currency: str
    text: str
    link: str
    change: str = ""
    direction: str = ""
    color: str = ""


class Task(NamedTuple):
    """A row of the to-do list."""

    icon: str
    title: str
    note: str
    link: str


def may_see(user: Any) -> bool:
    return bool(user.has_perms(SEE))


def context(request: HttpRequest) -> dict[str, Any]:
    """
    Return the context of the page.

    :raises Http404: if the address names a seller that does not exist.
    """
    sellers = read_seller_choice(request)
    if (seller := sellers.seller) is None:
        return {"title": _("Home"), "seller": None}
    figures = read_cached(f"staff:home:{seller.pk}", FRESH_SECONDS, lambda: _read_figures(seller, timezone.now()))
    page = _Page(figures, request.GET.get("currency", ""))
    return {
        "title": month_name(figures.span.month),
        "seller": seller,
        "sellers": sellers,
        "span": figures.span,
        "day": date_format(figures.span.today, "DATE_FORMAT"),
        "previous": date_format(figures.span.previous, "F"),
        "days": (figures.span.last_day - figures.span.month).days + 1,
        **page.context(),
    }


def _read_figures(seller: Seller, at: datetime) -> HomeFigures:
    span, books = month_to_date(seller, at=at), read_books(seller, at=at)
    tasks = count_tasks(seller, at=at)
    unmatched = filter_reports(UnmatchedUsage.objects.outstanding(), seller=seller.pk, before=at)
    jobs = Job.objects.filter(kind__in=[JobKind.AUDIT, JobKind.CLOSE_RUN]).order_by("kind", "-pk").distinct("kind")
    return HomeFigures(
        span,
        books.first_open_month,
        len(books.locks),
        read_invoices_and_cash(books, span),
        read_earned_revenue(books, span),
        read_mrr_to_date(books, span),
        tasks,
        # Both value the newest rows only, in a fixed number of statements.
        estimate_unmatched_value(unmatched).amounts if tasks["unmatched_usage"] else {},
        report_late_usage(seller=seller.pk),
        {job.kind: job for job in jobs},
    )


class _Page:
    """The figures of the page as text with links."""

    def __init__(self, figures: HomeFigures, currency: str) -> None:
        self.figures, self.span = figures, figures.span
        self.seller = figures.span.seller
        own = str(self.seller.currency)
        amounts = figures.amounts
        known = {*amounts.billed, *amounts.collected, *amounts.receivables, *figures.earned, *figures.recurring}
        ordered = sorted(known, key=lambda name: (name != own, -self._size(name), name)) or [own]
        self.currencies = ordered[:MOST_CURRENCIES]
        self.hidden = len(ordered) - len(self.currencies)
        self.currency = currency if currency in ordered else ordered[0]

    def context(self) -> dict[str, Any]:
        return {
            "cards": [self._billed(), self._collected(), self._open(), self._past_due()],
            "recurring": self._recurring(),
            "usage": self._usage(),
            "forecasts": [self._forecast(currency) for currency in self.currencies],
            "chart": self._chart(),
            "chart_rows": self._chart_rows(),
            "series": [series.name for series in SERIES],
            "currency": self.currency,
            "currencies": self.currencies,
            "hidden": self.hidden,
            "income_report": self._report("income", self.currency),
            "ages": [self._ages(currency) for currency in self.currencies if self._receivables(currency).now],
            "tasks": list(self._tasks()),
            "health": self._health(),
        }

    # Cards ------------------------------------------------------------------------------------------------------

    def _billed(self) -> dict[str, Any]:
        billed = self.figures.amounts.billed
        count = sum(row.rows for row in billed.values())
        note = ngettext("%(count)s document in %(month)s", "%(count)s documents in %(month)s", count)
        return {
            "title": _("Billed"),
            "unit": _("net of tax"),
            "amounts": [
                self._amount(currency, billed.get(currency), self._invoices(issue_date_from=self.span.month))
                for currency in self.currencies
            ],
            "note": note % {"count": format_number(count), "month": date_format(self.span.month, "F")},
        }

    def _collected(self) -> dict[str, Any]:
        collected, month = self.figures.amounts.collected, f"{self.span.month:%Y-%m}"
        return {
            "title": _("Collected"),
            "unit": _("with tax"),
            "amounts": [
                self._amount(
                    currency,
                    collected.get(currency),
                    self._postings(currency, month=month, role=Role.CASH.value, source=",".join(CASH)),
                )
                for currency in self.currencies
            ],
            "note": _("By value date, net of refunds"),
        }

    def _open(self) -> dict[str, Any]:
        rows = [(currency, self._receivables(currency).total()) for currency in self.currencies]
        count = sum(row.total().rows for row in self.figures.amounts.receivables.values())
        note = ngettext("%(count)s invoice, past due included", "%(count)s invoices, past due included", count)
        return {
            "title": _("Open"),
            "unit": _("with tax"),
            "amounts": [
                self._amount(currency, row, self._report("aging", currency), judged=0) for currency, row in rows
            ],
            "note": note % {"count": format_number(count)},
        }

    def _past_due(self) -> dict[str, Any]:
        receivables = self.figures.amounts.receivables.values()
        count = sum(row.total(PAST_DUE).rows for row in receivables)
        old = sum(row.total(("61_90", "over_90")).rows for row in receivables)
        note = ngettext(
            "%(count)s invoice, %(old)s of them over 60 days",
            "%(count)s invoices, %(old)s of them over 60 days",
            count,
        )
        return {
            "title": _("Past due"),
            "unit": _("with tax"),
            "amounts": [
                self._amount(
                    currency,
                    self._receivables(currency).total(PAST_DUE),
                    self._report("aging", currency),
                    judged=-1,
                )
                for currency in self.currencies
            ],
            "note": note % {"count": format_number(count), "old": format_number(old)},
        }

    def _recurring(self) -> dict[str, Any]:
        recurring = self.figures.recurring
        chosen = recurring.get(self.currency, MrrToDate())
        largest = max((abs(amount) for amount, _count in chosen.movements.values()), default=ZERO)
        movements = [
            {
                "name": KIND_NAMES[kind],
                "count": format_number(count),
                "amount": self._signed(amount, self.currency),
                "is_loss": kind not in GAINS,
                "size": self._percent_of(abs(amount), largest * 2),
                "link": f"{reverse('admin:revenue_movements')}?"
                + urlencode(
                    {
                        "seller": self.seller.code,
                        "currency": self.currency,
                        "month": f"{self.span.month:%Y-%m}",
                        "kind": kind,
                    }
                ),
            }
            for kind, (amount, count) in chosen.movements.items()
        ]
        return {
            "amounts": [
                self._amount(
                    currency,
                    recurring[currency].comparison if currency in recurring else None,
                    self._mrr(currency),
                )
                for currency in self.currencies
            ],
            "movements": movements,
            "net": self._signed(chosen.net_change, self.currency),
        }

    def _usage(self) -> dict[str, Any]:
        month = f"{self.span.month:%Y-%m}"
        earned = self.figures.earned
        return {
            "amounts": [
                self._amount(
                    currency,
                    earned[currency].usage(self.span, currency) if currency in earned else None,
                    self._postings(currency, month=month, income="kind:usage"),
                )
                for currency in self.currencies
            ],
            "days": self._days(),
            "first": date_format(self.span.month, "M j"),
            "last": date_format(self.span.today, "M j"),
        }

    def _days(self) -> list[dict[str, Any]]:
        """Return the bars of usage revenue by day, with those of the month before behind them."""
        days = self.figures.earned[self.currency].usage_days if self.currency in self.figures.earned else {}
        count = self.span.today.day
        shown = [self.span.month + timedelta(days=number) for number in range(count)]
        before = [self.span.previous + timedelta(days=number) for number in range(count)]
        largest = max([*(days.get(day, Fraction(0)) for day in (*shown, *before)), Fraction(0)])
        if not largest:
            return []
        width = 100 / count

        def height(day: date) -> float:
            return round(float(max(days.get(day, Fraction(0)), Fraction(0)) / largest) * BAR_HEIGHT, 1)

        return [
            {
                "x": round(width * number + width * 0.12, 2),
                "width": round(width * 0.76, 2),
                "y": BAR_HEIGHT - height(day),
                "height": height(day),
                "line": BAR_HEIGHT - height(earlier) if earlier < self.span.month else None,
                "x1": round(width * number, 2),
                "x2": round(width * (number + 1), 2),
            }
            for number, (day, earlier) in enumerate(zip(shown, before, strict=True))
        ]

    def _forecast(self, currency: str) -> dict[str, Any]:
        earned = self.figures.earned.get(currency)
        if earned is None or earned.outlook is None:
            return {"currency": currency}
        outlook, recognized = earned.outlook, earned.total(self.span.month)
        least, greatest = (round_money(amount, currency) for amount in (outlook.least, outlook.greatest))
        before = earned.total(self.span.previous)
        fixed = Fraction(recognized) + Fraction(earned.fees_to_come)
        whole = max(outlook.greatest, Fraction(before), fixed)
        note = ""
        if before:
            changes = [_percent(Comparison(amount, before).change) for amount in (least, greatest)]
            note = _("%(month)s %(amount)s: %(least)s to %(greatest)s") % {
                "month": date_format(self.span.previous, "F"),
                "amount": format_money(before, currency),
                "least": changes[0],
                "greatest": changes[1],
            }
        return {
            "currency": currency,
            "least": format_money(least, currency),
            "greatest": format_money(greatest, currency),
            "link": self._report("income", currency),
            "parts": [
                ("c1", self._percent_of(recognized, whole)),
                ("c2", self._percent_of(earned.fees_to_come, whole)),
                ("c4", self._percent_of(outlook.least - fixed, whole)),
                ("hatch", self._percent_of(outlook.greatest - outlook.least, whole)),
            ],
            "note": note,
        }

    # Chart and ages -----------------------------------------------------------------------------------------------

    def _months(self) -> list[date]:
        months = [self.span.month]
        while len(months) < MONTHS_SHOWN:
            months.insert(0, month_before(months[0]))
        return months

    def _series_of(self, by_kind: Mapping[str, Decimal]) -> list[Decimal]:
        """Return the amounts of a month by series; kinds that no series names belong to the first one."""
        named = {kind for series in SERIES for kind in series.kinds}
        others = [amount for kind, amount in by_kind.items() if kind not in named]
        return [
            exact_sum([*(by_kind.get(kind, ZERO) for kind in series.kinds), *(others if series is SERIES[0] else [])])
            for series in SERIES
        ]

    def _chart(self) -> StaffChart | None:
        earned = self.figures.earned.get(self.currency)
        if earned is None:
            return None
        months = self._months()
        columns = [self._series_of(earned.by_month.get(month, {})) for month in months]
        # Credits are below zero, and small: the table has them, and the chart would lose half of its height to them.
        series = [
            ChartSeries(str(shown.name), [column[index] for column in columns], color=shown.color)
            for index, shown in enumerate(SERIES[:-1])
        ]
        if earned.outlook is not None:
            middle = (earned.outlook.least + earned.outlook.greatest) / 2 - Fraction(earned.total(self.span.month))
            rest = [None] * (len(months) - 1) + [max(round_money(middle, self.currency), ZERO)]
            name = _("Rest of %(month)s, middle of the forecast") % {"month": date_format(self.span.month, "F")}
            series.append(ChartSeries(name, rest, color=3, hatched=True))
        return bar_chart(
            [date_format(month, "M y" if month.month == 1 or month == months[0] else "M") for month in months],
            series,
            summary=_("Revenue by month in %(currency)s, the last %(count)s months")
            % {"currency": self.currency, "count": MONTHS_SHOWN},
        )

    def _chart_rows(self) -> list[dict[str, Any]]:
        earned = self.figures.earned.get(self.currency)
        if earned is None:
            return []
        return [
            {
                "month": month_name(month),
                "cells": [format_money(amount, self.currency) for amount in self._series_of(by_kind)],
                "total": format_money(earned.total(month), self.currency),
                "link": self._postings(self.currency, month=f"{month:%Y-%m}", income=""),
            }
            for month, by_kind in reversed(earned.by_month.items())
        ]

    def _ages(self, currency: str) -> dict[str, Any]:
        row = self._receivables(currency)
        total = row.total(PAST_DUE).now
        colors = dict(zip(PAST_DUE, ("c2", "c6", "c8", "c5"), strict=True))
        return {
            "currency": currency,
            "link": self._report("aging", currency),
            "cells": [format_money(row.now.get(bucket, ZERO), currency) for bucket in PAST_DUE],
            "total": format_money(total, currency),
            "parts": [(colors[bucket], self._percent_of(row.now.get(bucket, ZERO), total)) for bucket in PAST_DUE],
        }

    # Tasks and health ---------------------------------------------------------------------------------------------

    def _tasks(self) -> Iterable[Task]:
        if self.figures.first_open < self.span.month:
            month = self.figures.first_open
            yield Task(
                "lock_clock",
                _("Lock %(month)s") % {"month": month_name(month)},
                _("Open points are on its checklist"),
                f"{reverse('admin:month_end')}?month={month:%Y-%m}",
            )
        old = sum(row.total(("61_90", "over_90")).rows for row in self.figures.amounts.receivables.values())
        if old:
            text = ngettext(
                "Call about %(count)s invoice over 60 days past due",
                "Call about %(count)s invoices over 60 days past due",
                old,
            )
            yield Task(
                "schedule",
                text % {"count": format_number(old)},
                _("Reminders follow the dunning steps"),
                self._report("aging", self.currency),
            )
        for code, count in self.figures.tasks.items():
            if count and code in TASKS:
                icon, title, note, page, query = TASKS[code]
                worth = self.figures.unmatched_worth if code == "unmatched_usage" else {}
                yield Task(
                    icon,
                    str(title) % {"count": _bounded(count)},
                    _("%(note)s, about %(amounts)s") % {"note": note, "amounts": _amounts(worth)}
                    if worth
                    else str(note),
                    f"{reverse(f'admin:{page}')}{f'?{query}' if query else ''}",
                )
        if late := totals_shown(self.figures.late):
            unknown = _("unknown")
            yield Task(
                "history",
                _("Late usage of invoiced periods: %(count)s") % {"count": _late_count(self.figures.late)},
                "; ".join(f"{row['policy']}: {row['amounts'] or unknown}" for row in late),
                f"{reverse('admin:billing_period_changelist')}?status=late&seller={self.seller.pk}",
            )

    def _health(self) -> dict[str, Any]:
        counts = self.figures.tasks
        failed = {
            code: counts[code] for code in ("periods_failed", "jobs_failed", "files_failed", "deliveries_failed")
        }
        audit, run = (self.figures.jobs.get(kind) for kind in (JobKind.AUDIT, JobKind.CLOSE_RUN))
        violated = audit.figures.get("violated", 0) if audit and audit.state == JobState.DONE else 0
        facts = [
            (_("Invoicing failed"), _bounded(failed["periods_failed"])),
            (_("Failed jobs"), _bounded(failed["jobs_failed"])),
            (_("Failed PDFs"), _bounded(failed["files_failed"])),
            (_("Failed deliveries"), _bounded(failed["deliveries_failed"])),
        ]
        zone = ZoneInfo(self.seller.time_zone)
        if run is not None:
            facts.append((_("Last invoice run"), date_format(run.created_at.astimezone(zone), "DATETIME_FORMAT")))
        if audit is not None:
            text = _("%(time)s, %(count)s failed") % {
                "time": date_format(audit.created_at.astimezone(zone), "DATETIME_FORMAT"),
                "count": format_number(violated),
            }
            facts.append((_("Last audit"), text))
        problems = sum(count > 0 for count in failed.values()) + (violated > 0)
        text = ngettext("%(count)s system problem", "%(count)s system problems", problems)
        return {
            "is_normal": not problems,
            "text": _("All systems normal") if not problems else text % {"count": problems},
            "facts": facts,
        }

    # Formats and links ----------------------------------------------------------------------------------------------

    def _amount(self, currency: str, row: Comparison | None, link: str, *, judged: int = 1) -> Amount:
        """Return an amount with its change. judged: 1 if more is good, −1 if more is bad, 0 if neither."""
        if row is None:
            return Amount(currency, format_money(ZERO, currency), link)
        text = format_money(row.now, currency)
        if (change := row.change) is None:
            return Amount(currency, text, link)
        shown = _percent(abs(change))
        direction = "up" if change > 0 else "down" if change < 0 else ""
        is_good = (change > 0) == (judged > 0)
        color = ("good" if is_good else "bad") if judged and change else ""
        return Amount(currency, text, link, shown, direction, color)

    def _receivables(self, currency: str) -> Receivables:
        return self.figures.amounts.receivables.get(currency, Receivables())

    def _size(self, currency: str) -> Decimal:
        """Return how much a currency matters on this page."""
        earned = self.figures.earned.get(currency)
        return abs(earned.total(self.span.previous)) if earned else ZERO

    def _signed(self, amount: Decimal, currency: str) -> str:
        return f"{'+' if amount > 0 else ''}{format_money(amount, currency)}"

    def _percent_of(self, part: Decimal | Fraction, whole: Decimal | Fraction) -> str:
        share = Fraction(part) / Fraction(whole) if whole else Fraction(0)
        return f"{float(min(max(share, Fraction(0)), Fraction(1)) * 100):.1f}%"

    def _invoices(self, **filters: Any) -> str:
        chosen = {"seller__id__exact": self.seller.pk, "sandbox__exact": 0}
        return f"{reverse('admin:invoices_invoice_changelist')}?{urlencode(chosen | filters)}"

    def _postings(self, currency: str, **filters: Any) -> str:
        chosen = {"seller": self.seller.code, "currency": currency}
        return f"{reverse('admin:revenue_rows')}?{urlencode(chosen | filters)}"

    def _report(self, code: str, currency: str) -> str:
        chosen = {"seller": self.seller.code, "currency": currency}
        return f"{reverse('admin:revenue_report', args=[code])}?{urlencode(chosen)}"

    def _mrr(self, currency: str) -> str:
        chosen = {"seller": self.seller.code}
        if currency in self.figures.recurring:  # the page knows the currencies of subscriptions only
            chosen["currency"] = currency
        return f"{reverse('admin:revenue_mrr')}?{urlencode(chosen)}"


TASKS: Mapping[str, tuple[str, Text, Text, str, str]] = {
    "drafts": (
        "draft",
        gettext_lazy("Review drafts: %(count)s"),
        gettext_lazy("Prepared and not issued"),
        "invoices_invoice_changelist",
        "state__exact=draft",
    ),
    "declined": (
        "credit_card_off",
        gettext_lazy("Invoices with a failed card charge: %(count)s"),
        gettext_lazy("They are still open; retries follow the dunning steps"),
        "invoices_paymentattempt_changelist",
        "state__exact=declined",
    ),
    "payments_unmatched": (
        "account_balance",
        gettext_lazy("Match payments: %(count)s"),
        gettext_lazy("The provider collected them, but no invoice asked for them"),
        "invoices_providerevent_changelist",
        "match=unmatched",
    ),
    "bank_lines": (
        "account_balance",
        gettext_lazy("Match bank payments: %(count)s"),
        gettext_lazy("Imported, but their invoice is in doubt"),
        "invoices_bankstatement_review_page",
        "",
    ),
    "refunds": (
        "currency_exchange",
        gettext_lazy("Pay refunds by hand: %(count)s"),
        gettext_lazy("By bank transfer"),
        "invoices_refund_changelist",
        "state__exact=pending",
    ),
    "periods_failed": (
        "error",
        gettext_lazy("Periods that failed to be invoiced: %(count)s"),
        gettext_lazy("Each shows its error"),
        "billing_period_changelist",
        "status=failed",
    ),
    "accruals_failed": (
        "error",
        gettext_lazy("Periods whose revenue is unknown: %(count)s"),
        gettext_lazy("Their usage can't be rated"),
        "billing_period_changelist",
        "status=unrated",
    ),
    "unmatched_usage": (
        "report",
        gettext_lazy("Sort unmatched usage: %(count)s"),
        gettext_lazy("No price covers it yet"),
        "billing_unmatchedusage_changelist",
        "",
    ),
    "alerts": (
        "notifications",
        gettext_lazy("Review alerts: %(count)s"),
        gettext_lazy("Customers were notified automatically"),
        "billing_alert_changelist",
        "stands=unseen",
    ),
    "approvals": (
        "rule",
        gettext_lazy("Requests waiting for approval: %(count)s"),
        gettext_lazy("A second person decides"),
        "access_approvalrequest_changelist",
        "state__exact=waiting",
    ),
    "files_refused": (
        "export_notes",
        gettext_lazy("Accounting files that can't be made: %(count)s"),
        gettext_lazy("The job lists the unmapped amounts and missing rates; retry it afterwards"),
        "billing_job_changelist",
        "state__exact=failed&kind__exact=export",
    ),
    "jobs_failed": (
        "checklist",
        gettext_lazy("Failed jobs: %(count)s"),
        gettext_lazy("Each lists the reasons; a retry goes on from there"),
        "billing_job_changelist",
        "state__exact=failed",
    ),
}
"""Kind of task → icon, title, note, page and its query."""


def _percent(share: Fraction | None) -> str:
    if share is None:
        return ""
    sign = "−" if share < 0 else ""
    return f"{sign}{round_to(abs(share) * 100, TENTH)}%"


def _amounts(by_currency: Mapping[str, Decimal]) -> str:
    return get_text_list(
        [format_money(amount, currency) for currency, amount in sorted(by_currency.items())], _("and")
    )


def _late_count(report: LateReport) -> str:
    return f"{format_number(len(report.rows))}{'' if report.is_all else '+'}"


def _bounded(count: int) -> str:
    return f"{format_number(MOST_COUNTED)}+" if count > MOST_COUNTED else format_number(count)
