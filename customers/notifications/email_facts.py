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
from lib.formats import format_money
from lib.unit_words import plural_number, unit_word

AMOUNTS = frozenset(
    {"amount", "balance", "bill_after", "bill_before", "bonus", "due", "limit", "total", "units", "value"}
)
"""Facts that are amounts in the `currency` or `unit` of the same notification."""

IN_UNITS = frozenset({"balance", "bonus", "units"})
"""Amounts that are in the `unit` if there are both."""

DATES = frozenset({"due_date", "ended_at", "ends_at", "expires_at", "next_on", "not_before", "pay_by", "period_end"})
MONTHS = frozenset({"period"})
BREAK_OR_SPACES = re.compile(r"[^\S\u00a0\u202f]+")
PERCENTS = frozenset({"threshold"})
# The levels of these alert rules are a multiple and a number of days, not a percentage.
LEVELS_WITHOUT_PERCENT = frozenset({"anomaly", "expiring"})

INVOICE = {
    "number": _("Invoice"),
    "purchase_order": _("Purchase order"),
    "due": _("Amount due"),
    "total": _("Total"),
    "due_date": _("Due date"),
}
TRANSFER = {"account_holder": _("Account holder"), "iban": _("IBAN"), "bic": _("BIC"), "reference": _("Reference")}
PAYMENT = {"number": _("Invoice"), "amount": _("Amount"), "method": _("Payment method")}
AMOUNT = {"amount": _("Amount")}
ALERT = {
    "plan_name": _("Plan"),
    "feature_name": _("Feature"),
    "wallet_name": _("Wallet"),
    "value": _("Current value"),
    "limit": _("Limit"),
    "threshold": _("Threshold"),
    "period_end": _("Period ends"),
}
SUBSCRIPTION = {
    "plan_name": _("Plan"),
    "ends_at": _("Ends on"),
    "ended_at": _("Ended on"),
}
WALLET = {"amount": _("Amount"), "balance": _("Balance"), "expires_at": _("Expires on")}

DECLINES: Mapping[str, Promise] = {
    "expired_card": _("The card has expired."),
    "incorrect_cvc": _("The security code was wrong."),
    "insufficient_funds": _("The account does not have enough funds."),
    "lost_card": _("The bank has blocked the card."),
    "stolen_card": _("The bank has blocked the card."),
    "authentication_required": _("The bank requires you to confirm the payment."),
    "card_velocity_exceeded": _("The limit of the card is reached."),
    "withdrawal_count_limit_exceeded": _("The limit of the card is reached."),
}
"""A provider's code → why it declined, in words. Other codes say nothing to a customer."""

LISTED: Mapping[str, Mapping[str, Promise]] = {
    "alert.fired": ALERT,
    "alert.recovered": ALERT,
    "invoice.explained": INVOICE,
    "invoice.issued": INVOICE | TRANSFER,
    "invoice.overdue": INVOICE | TRANSFER,
    "invoice.paid": INVOICE,
    "invoice.reminder": INVOICE | TRANSFER,
    "invoice.resent": INVOICE | TRANSFER,
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
    "payment.succeeded": PAYMENT | {"due": _("Amount due")},
    "payment.taken_back": PAYMENT,
    "refund.failed": AMOUNT,
    "refund.succeeded": AMOUNT,
    "subscription.canceled": SUBSCRIPTION,
    "subscription.ended": SUBSCRIPTION,
    "topup.paid": {"units": _("Units"), "bonus": _("Bonus"), "amount": _("Amount"), "balance": _("Balance")},
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
    if _is_used_up(facts):
        texts["is_used_up"] = "yes"
    return {name: on_one_line(text) for name, text in texts.items()}


def _is_used_up(facts: Facts) -> bool:
    value, limit = (_number(str(facts.get(name, ""))) for name in ("value", "limit"))
    return value is not None and limit is not None and value >= limit


def on_one_line(text: str) -> str:
    """Return a text with single spaces and without line breaks; no-break spaces of amounts stay."""
    return BREAK_OR_SPACES.sub(" ", text).strip()


def listed_facts(kind: str, texts: Mapping[str, str]) -> dict[str, str]:
    """Return label → text of the facts below an email."""
    # What is due repeats the total unless part of it is paid.
    left_out = {"total"} if texts.get("total") == texts.get("due") else set()
    if "is_settled" in texts:
        left_out = {"due", "due_date"}
    names = (name for name in LISTED.get(kind, {}) if texts.get(name) and name not in left_out)
    return {str(LISTED[kind][name]): texts[name] for name in names}


def _format(name: str, text: str, facts: Facts, reader: Reader) -> str:
    if name in AMOUNTS and (number := _number(text)) is not None:
        names = ("unit", "currency") if name in IN_UNITS else ("currency", "unit")
        unit = next((str(facts[each]) for each in names if facts.get(each)), "")
        return _format_amount(number, unit, reader.locale)
    if name in DATES:
        return _format_date(text, reader, "long")
    if name in MONTHS:
        return _format_date(text, reader, "LLLL")
    if name == "iban":
        return " ".join(text[start : start + 4] for start in range(0, len(text), 4))
    if name == "decline":
        return str(DECLINES.get(text, ""))
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
    if unit == "credits":
        return ngettext("%(units)s credit", "%(units)s credits", plural_number(number)) % {"units": number_text}
    return f"{number_text} {unit_word(unit, number, locale)}".rstrip()


def _format_date(text: str, reader: Reader, form: str) -> str:
    try:
        day = date.fromisoformat(text) if len(text) == len("2026-05-18") else datetime.fromisoformat(text)
    except ValueError:
        return text
    local = day.astimezone(reader.zone) if isinstance(day, datetime) else day
    return str(format_date(local, form, locale=reader.locale))
