"""The first page: usage, cost so far and expected, prepaid balances, and the next invoice."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext, ngettext

from billing.closing.commitments.progress import CommitmentProgress, read_commitment_progress
from billing.closing.preview import preview_periods
from billing.metering.usage.current_usage import FeatureUsage
from billing.metering.usage.forecast import PeriodForecast, forecast_periods
from billing.metering.usage.latest_events import find_last_received
from billing.models import Alert
from billing.portal.alert_text import alert_text
from customers.portal.visit import Visit, render_page, signed_in
from invoices.portal.due_invoice import next_due_invoice
from invoices.portal.formats import PortalFigures, percent_of, portal_figures
from invoices.portal.invoice_list import sum_by_currency
from lib.decimals import to_plain_string
from lib.unit_words import plural_number
from plans.models import Meter
from plans.models.prices import Consumption
from wallets.portal.wallet_page import wallets_of

# Several alerts may belong to one rule, so more are read than shown: the latest of each rule.
MAX_ALERTS, MAX_ALERTS_READ = 3, 50
HIGH, FULL = 75, 100
"""Percent of the allowance from which its bar shows a warning."""


@dataclass(frozen=True, slots=True)
class FeatureShown:
    """
    A feature in a running period as text.

    share: used part of the allowance in percent, as a plain number; None without one. percent: the same as text.
    level: `high` when it is nearly used up, `full` when further use is declined.
    summary: usage against the allowance, in a sentence.
    """

    code: str
    name: str
    used: str
    included: str
    summary: str
    share: str | None
    percent: str
    level: str
    cost: str
    drawn: str


@dataclass(frozen=True, slots=True)
class PeriodShown:
    """
    A running period as text.

    day, days: the current day and the number of days. is_prepaid: whether wallets pay for all usage, so that no
        invoice is expected.
    projected: the range of the projected cost. due_so_far: the next invoice as it would be now, tax included; empty
        if there is none.
    """

    plan: str
    trial: str
    span: str
    ends: str
    day: int
    days: int
    cost: str
    is_prepaid: bool
    is_projected: bool
    projected: str
    so_far: str
    lately: str
    began: str
    due_so_far: str
    features: list[FeatureShown]
    commitment: dict[str, Any] | None


@signed_in()
def overview(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    figures = portal_figures(visit)
    running = forecast_periods(customer=visit.customer, at=visit.at)
    alerts = visit.own_rows(Alert.objects.open(visit.at)).select_related(
        "alert_rule", "feature", "wallet", "subscription"
    )
    context = {
        "periods": _periods(visit, running, figures),
        "wallets": wallets_of(visit, figures),
        "due": next_due_invoice(visit, figures),
        "sums": [total for total in sum_by_currency(visit, figures) if total["is_due"]],
        "alerts": [
            alert_text(alert, figures) for alert in _most_urgent(list(alerts.order_by("-pk")[:MAX_ALERTS_READ]))
        ],
        "last_usage": _last_usage(visit, running, figures),
        "now": figures.moment(visit.at),
    }
    return render_page(request, visit, "overview.html", context)


def _most_urgent(alerts: list[Alert]) -> list[Alert]:
    """Return the latest alert of each rule and subject; the lower levels are implied."""
    latest: dict[tuple[Any, ...], Alert] = {}
    for alert in alerts:  # newest first, and of those fired at once the most urgent first
        key = (alert.alert_rule_id, alert.subscription_id, alert.feature_id, alert.wallet_id, alert.dimension_value)
        latest.setdefault(key, alert)
    return list(latest.values())[:MAX_ALERTS]


def _periods(visit: Visit, running: list[PeriodForecast], figures: PortalFigures) -> list[PeriodShown]:
    ids = [forecast.usage.period_id for forecast in running]
    progress_by_period = read_commitment_progress([forecast.usage for forecast in running])
    previewed = preview_periods(ids) if ids else None
    drafts = previewed.drafts if previewed else {}
    periods = []
    for period_forecast in running:
        draft = drafts.get(period_forecast.usage.period_id)
        due = figures.in_currency(draft.totals.total, draft.currency) if draft else ""
        periods.append(
            _period(period_forecast, progress_by_period.get(period_forecast.usage.period_id), due, visit.at, figures)
        )
    return periods


def _period(
    forecast: PeriodForecast, progress: CommitmentProgress | None, due: str, at: datetime, figures: PortalFigures
) -> PeriodShown:
    usage, currency = forecast.usage, forecast.usage.terms.currency
    first, last = figures.days(usage.starts_at, usage.ends_at)

    def money(amount: Decimal) -> str:
        return figures.in_currency(amount, currency)

    least, most = money(forecast.least), money(forecast.most)
    return PeriodShown(
        plan=usage.terms.plan_name,
        trial=usage.terms.trial,
        span=figures.days_text(usage.starts_at, usage.ends_at),
        ends=figures.date(last),
        day=(at.astimezone(figures.zone).date() - first).days + 1,
        days=(last - first).days + 1,
        cost=money(usage.cost),
        is_prepaid=bool(usage.features) and all(feature.drawn is not None for feature in usage.features),
        is_projected=forecast.is_telling,
        projected=least if least == most else gettext("%(least)s to %(most)s") % {"least": least, "most": most},
        so_far=money(forecast.so_far),
        lately=money(forecast.lately),
        began=figures.short_day(first),
        due_so_far=due,
        features=[show_feature(feature, currency, figures) for feature in usage.features],
        commitment=_commitment(progress, currency, figures) if progress else None,
    )


def show_feature(feature: FeatureUsage, currency: str, figures: PortalFigures) -> FeatureShown:
    """Return the usage of a feature as text."""
    terms = feature.terms
    included = terms.shared_included
    percent = percent_of(feature.used, included) if included else None
    return FeatureShown(
        code=terms.code,
        name=terms.name,
        used=figures.units(feature.used, terms.unit),
        included=figures.units(included, terms.unit) if included else "",
        summary=_summary(feature, figures),
        share=None if percent is None else to_plain_string(percent),
        percent="" if percent is None else figures.percent(percent),
        level=_level(feature, percent),
        cost=figures.in_currency(feature.cost, currency),
        drawn=figures.in_currency(feature.drawn, terms.wallet) if feature.drawn is not None else "",
    )


def _level(feature: FeatureUsage, percent: Decimal | None) -> str:
    """Return how the bar of an allowance looks; usage beyond it is a warning only where it is declined."""
    if percent is None or percent < HIGH:
        return ""
    if percent < FULL:
        return "high"
    return "full" if feature.terms.consumption == Consumption.HARD_CAP else ""


def _summary(feature: FeatureUsage, figures: PortalFigures) -> str:
    """Return the usage of a feature against its allowance, in a sentence."""
    terms = feature.terms
    included, is_capped = terms.shared_included, terms.consumption == Consumption.HARD_CAP
    if not included:
        return figures.units(feature.used, terms.unit)
    names = {
        "used": figures.quantity(feature.used),
        "limit": figures.units(included, terms.unit),
        "remaining": figures.quantity(included - feature.used),
        "included": figures.quantity(included),
        "unit": figures.unit(included, terms.unit),
        "more": figures.quantity(feature.used - included),
    }
    if feature.used < included:
        if is_capped:
            return gettext("%(used)s of at most %(limit)s; %(remaining)s left") % names
        return gettext("%(used)s of %(limit)s included; %(remaining)s left") % names
    if is_capped:
        return gettext("The limit of %(limit)s is reached. Further requests are declined.") % names
    return _overage_text(feature, feature.used - included) % names


def _overage_text(feature: FeatureUsage, more: Decimal) -> str:
    """Return a sentence about usage beyond the allowance, with placeholders."""
    number = plural_number(more)
    if not more:
        return gettext("You have used all %(included)s included %(unit)s.")
    if feature.drawn is not None:
        return ngettext(
            "You have used all %(included)s included %(unit)s; %(more)s more is paid from your wallet.",
            "You have used all %(included)s included %(unit)s; %(more)s more are paid from your wallet.",
            number,
        )
    if feature.terms.price is None:
        return ngettext(
            "You have used all %(included)s included %(unit)s; %(more)s more is free of charge.",
            "You have used all %(included)s included %(unit)s; %(more)s more are free of charge.",
            number,
        )
    return ngettext(
        "You have used all %(included)s included %(unit)s; %(more)s more is billed.",
        "You have used all %(included)s included %(unit)s; %(more)s more are billed.",
        number,
    )


def _commitment(progress: CommitmentProgress, currency: str, figures: PortalFigures) -> dict[str, Any]:
    percent = percent_of(progress.reached, progress.promised) if progress.promised else Decimal(100)
    return {
        "committed": figures.in_currency(progress.promised, currency),
        "reached": figures.in_currency(progress.reached, currency),
        "share": to_plain_string(percent),
        "percent": figures.percent(percent),
        "until": figures.date(progress.ends_at),
    }


def _last_usage(visit: Visit, running: list[PeriodForecast], figures: PortalFigures) -> str:
    """Return how long ago the latest usage arrived, in words; empty if there is none."""
    meters = {feature.terms.meter_id for forecast in running for feature in forecast.usage.features}
    names = list(Meter.objects.filter(pk__in=meters).values_list("event_name", flat=True))
    latest = find_last_received(customer_id=visit.customer.pk, names=names) if names else None
    if latest is None:
        return ""
    return figures.moment(latest) if latest > visit.at else figures.ago(visit.at - latest)
