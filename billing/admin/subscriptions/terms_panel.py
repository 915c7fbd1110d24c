"""The terms of a subscription at a glance, in words: plan and prices, discounts, commitment, caps, next renewal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from billing.models import Subscription
from billing.models.subscriptions import SubscriptionState
from lib.admin import page_url
from lib.currencies import CREDITS
from lib.formats import format_money, format_number
from plans.admin.versions.commitments import in_words
from plans.admin.versions.fees import format_interval
from plans.catalog.price_sheet import SheetLine, SheetSection, read_sheet
from plans.models import Commitment

MAX_LINES = 4
"""Prices shown of a feature; the plan's page shows all."""


@dataclass(frozen=True, slots=True)
class TermRow:
    """A term. sentences: empty if there is none of its kind. link: to the page with the details."""

    title: str
    sentences: tuple[str, ...]
    link: str = ""


def describe_terms(subscription: Subscription, shown: Mapping[str, Any], *, at: datetime) -> list[TermRow]:
    """
    Return the terms of a subscription at a time.

    shown: what its page shows anyway, by name: its overrides, commitments, coupons, caps, held quantities, pause and
        scheduled change of plan.
    """
    version, currency = subscription.version, str(subscription.currency)
    interval = format_interval(version.interval_unit, version.interval_count)
    plan = _("%(version)s in %(currency)s, billing period: %(interval)s.")
    values = {"version": version, "currency": currency, "interval": interval}
    overrides = [
        _("%(term)s: %(value)s, until: %(until)s.") % {"term": term, "value": value, "until": until}
        for override, term, value, until in shown["overrides"]
        if _is_in_force(override, at)
    ]
    coupons = [
        _("%(coupon)s: %(discount)s off %(invoices)s.")
        % {"coupon": row["redemption"].coupon.code, "discount": row["value"], "invoices": row["lasts"]}
        for row in shown["coupons"]
        if row["redemption"].ended_at is None
    ]
    caps = [
        _("%(usage)s: %(amount)s per period, then: %(action)s.")
        % {"usage": usage, "amount": format_money(cap.amount, str(cap.currency)), "action": action}
        for cap, usage, action in shown["caps"]
    ]
    return [
        TermRow(_("Plan"), (plan % values,), page_url(version)),
        TermRow(_("Prices"), tuple(_describe_prices(subscription, shown["held"]))),
        TermRow(_("Custom pricing"), tuple(overrides)),
        TermRow(_("Discounts"), tuple(coupons)),
        TermRow(_("Commitment"), tuple(_describe_commitments(subscription, shown["commitments"], at))),
        TermRow(_("Spend caps"), tuple(caps)),
        TermRow(_("Next renewal"), tuple(_describe_renewal(subscription, shown, at))),
    ]


def _is_in_force(agreement: Any, at: datetime) -> bool:
    return bool(agreement.starts_at <= at and (agreement.ends_at is None or at < agreement.ends_at))


def _describe_prices(subscription: Subscription, held: Sequence[Any]) -> Iterator[str]:
    """Yield a sentence for each fee and feature, as in the price sheet, and one for each held quantity."""
    currency = str(subscription.currency)
    for section in read_sheet(subscription.version, first_currency=currency).sections:
        prices = list(_list_prices(section, currency))
        if prices:
            more = len(prices) - MAX_LINES
            listed = "; ".join(prices[:MAX_LINES])
            if more > 0:
                listed = _("%(prices)s; and %(count)s more") % {"prices": listed, "count": more}
            yield _("%(feature)s: %(prices)s.") % {"feature": section.title, "prices": listed}
    for quantity in held:
        values = {"quantity": format_number(quantity.quantity), "fee": quantity.fee.label}
        yield _("Quantity of %(fee)s: %(quantity)s.") % values


def _list_prices(section: SheetSection, currency: str) -> Iterator[str]:
    """Yield the prices in a currency; the tiers of a rate have its name in front if the feature has several rates."""
    heading: SheetLine | None = None
    for line in section.lines:
        heading = line if line.is_heading else heading
        cell = line.cells.get(currency) or line.cells.get(CREDITS)
        if cell is not None:
            is_below = heading is not None and line.key[: len(heading.key)] == heading.key
            names = [heading.label if heading and is_below else "", "" if line.label == section.title else line.label]
            part, price = (" ".join(filter(None, texts)) for texts in (names, [cell.text, line.note]))
            yield _("%(part)s: %(price)s") % {"part": part, "price": price} if part else price
        elif line.shared is not None and line.shared.value:
            yield _("%(quantity)s included (%(beyond)s)") % {"quantity": line.shared.text, "beyond": line.note}


def _describe_commitments(
    subscription: Subscription, agreed: Sequence[tuple[Any, str, str]], at: datetime
) -> Iterator[str]:
    """Yield the subscription's own commitment in force, or else the plan's."""
    own = [
        _("%(terms)s Until: %(until)s.") % {"terms": words, "until": until}
        for commitment, words, until in agreed
        if _is_in_force(commitment, at)
    ]
    yield from own
    if not own:
        plan_terms = Commitment.objects.filter(version=subscription.version_id, currency=subscription.currency)
        for commitment in plan_terms:
            yield in_words(commitment)


def _describe_renewal(subscription: Subscription, shown: Mapping[str, Any], at: datetime) -> Iterator[str]:
    zone = ZoneInfo(subscription.customer.time_zone)

    def time(moment: datetime) -> str:
        return f"{date_format(moment.astimezone(zone), 'DATETIME_FORMAT')}, {zone}"

    if subscription.state == SubscriptionState.DRAFT:
        return
    if subscription.ends_at is not None:
        text = _("It ends on %(time)s.") if subscription.ends_at > at else _("It ended on %(time)s.")
        yield text % {"time": time(subscription.ends_at)}
    elif running := next((row for row in shown["periods"] if row.starts_at <= at < row.ends_at), None):
        yield _("A new period begins on %(time)s.") % {"time": time(running.ends_at)}
    if pause := shown["pause"]:
        yield _("It is paused from %(time)s.") % {"time": time(pause.starts_at)}
    if change := shown["move"]:
        yield _("It moves to %(version)s on %(time)s.") % {"version": change.version, "time": time(change.moment)}
