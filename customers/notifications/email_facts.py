"""The facts that an email shows, in its reader's format: no internal number, and no raw decimal or timestamp."""

import decimal
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, format_percent
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from customers.notifications.announcement import Facts
from lib.currencies import MINOR_UNITS
from lib.decimals import EXACT
from lib.formats import format_money, pluralize

AMOUNTS = frozenset(
    {"amount", "balance", "bill_after", "bill_before", "bonus", "due", "limit", "total", "units", "value"}
)
"""Facts that are amounts in the `currency` or `unit` of the same notification."""

DATES = frozenset({"due_date", "ended_at", "ends_at", "expires_at", "not_before", "period_end"})
BREAK_OR_SPACES = re.compile(r"[^\S\u00a0\u202f]+")
PERCENTS = frozenset({"threshold"})
# The levels of these alert rules are a multiple and a number of days, not a percentage.
LEVELS_WITHOUT_PERCENT = frozenset({"anomaly", "expiring"})

INVOICE = {"number": _("Invoice"), "due": _("Amount due"), "total": _("Total"), "due_date": _("Due date")}
PAYMENT = {"number": _("Invoice"), "amount": _("Amount"), "reason": _("Reason")}
AMOUNT = {"amount": _("Amount")}
ALERT = {
    "subscription": _("Subscription"),
    "feature": _("Feature"),
    "wallet_name": _("Wallet"),
    "value": _("Current value"),
    "limit": _("Limit"),
    "threshold": _("Threshold"),
    "period_end": _("Period ends"),
}
SUBSCRIPTION = {
    "subscription": _("Subscription"),
    "plan": _("Plan"),
    "ends_at": _("Ends on"),
    "ended_at": _("Ended on"),
}
WALLET = {"amount": _("Amount"), "balance": _("Balance"), "expires_at": _("Expires on")}

LISTED: Mapping[str, Mapping[str, Promise]] = {
    "alert.fired": ALERT,
    "alert.recovered": ALERT,
    "invoice.explained": INVOICE,
    "invoice.issued": INVOICE,
    "invoice.overdue": INVOICE,
    "invoice.paid": INVOICE,
    "invoice.reminder": INVOICE,
    "invoice.resent": INVOICE,
    "invoice.uncollectible": INVOICE,
    "migration.announced": {
        "plan": _("Current plan"),
        "new_plan": _("New plan"),
        "not_before": _("Earliest date"),
        "bill_before": _("Recent usage on the current plan"),
        "bill_after": _("The same usage on the new plan"),
    },
    "payment.disputed": PAYMENT,
    "payment.failed": PAYMENT,
    "payment.succeeded": {"number": _("Invoice"), "amount": _("Amount")},
    "payment.taken_back": PAYMENT,
    "refund.failed": AMOUNT,
    "refund.succeeded": AMOUNT,
    "subscription.canceled": SUBSCRIPTION,
    "subscription.ended": SUBSCRIPTION,
    "topup.paid": {"units": _("Units"), "bonus": _("Bonus")},
    "wallet.expired": WALLET,
    "wallet.granted": WALLET,
}
"""Kind → the facts that are listed below the text, with their labels, in order."""


@dataclass(frozen=True, slots=True)
class Reader:
    """The recipient of an email: formats, and the time zone that decides on dates."""

    locale: Locale
    zone: ZoneInfo


def format_facts(facts: Facts, reader: Reader) -> dict[str, str]:
    """Return the facts as text for a reader, each on one line; a line break could forge a header or a paragraph."""
    texts = {
        name: _format(name, str(value), facts, reader) for name, value in facts.items() if value not in (None, "")
    }
    return {name: on_one_line(text) for name, text in texts.items()}


def on_one_line(text: str) -> str:
    """Return a text with single spaces and without line breaks; no-break spaces of amounts stay."""
    return BREAK_OR_SPACES.sub(" ", text).strip()


def listed_facts(kind: str, texts: Mapping[str, str]) -> dict[str, str]:
    """Return label → text of the facts below an email."""
    return {str(label): texts[name] for name, label in LISTED.get(kind, {}).items() if texts.get(name)}


def _format(name: str, text: str, facts: Facts, reader: Reader) -> str:
    if name in AMOUNTS and (number := _number(text)) is not None:
        return _format_amount(number, str(facts.get("currency") or facts.get("unit") or ""), reader.locale)
    if name in DATES:
        return _format_date(text, reader)
    if name in PERCENTS and facts.get("kind") not in LEVELS_WITHOUT_PERCENT and (number := _number(text)) is not None:
        return str(format_percent(number.scaleb(-2), locale=reader.locale, decimal_quantization=False))
    return text


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _format_amount(number: Decimal, unit: str, locale: Locale) -> str:
    if unit in MINOR_UNITS:
        return format_money(number, unit, locale=locale)
    with decimal.localcontext(EXACT):
        number_text = str(format_decimal(number, locale=locale, decimal_quantization=False))
    is_one = abs(number) == 1
    if unit == "credits":
        return ngettext("%(units)s credit", "%(units)s credits", 1 if is_one else 2) % {"units": number_text}
    # Finance names units in English, so only English has a plural.
    word = unit if is_one or locale.language != "en" else pluralize(unit)
    return f"{number_text} {word}".rstrip()


def _format_date(text: str, reader: Reader) -> str:
    try:
        day = date.fromisoformat(text) if len(text) == len("2026-05-18") else datetime.fromisoformat(text)
    except ValueError:
        return text
    local = day.astimezone(reader.zone) if isinstance(day, datetime) else day
    return str(format_date(local, "long", locale=reader.locale))
