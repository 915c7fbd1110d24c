"""Lines for seats and add-ons, reckoned anew from what was held."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import connection
from psycopg import ServerCursor

from billing.audit.check import Row
from billing.audit.shared_reads import Books
from billing.closing.lines.quantity_lines import fill_in_quantities, unsettled
from billing.closing.lines.section_lines import own
from billing.closing.period_reader import read_closings
from billing.closing.records import Claim, Closing
from invoices.documents.line_net import net_of
from lib.money import round_money

AT_A_TIME = 500

_LINES = """
SELECT l.id, l.kind, f.kind, l.amount, l.currency, l.explanation::text, f.amount, v.proration, l.quantity
FROM invoices_line l JOIN plans_fee f ON f.id = l.fee_id JOIN plans_planversion v ON v.id = f.version_id
WHERE f.basis <> 'fixed'
"""

_PERIODS = """
SELECT p.id FROM billing_period p WHERE p.state = 'closed' AND p.kind = 'regular' AND NOT p.is_trial
    AND EXISTS (SELECT FROM plans_fee f WHERE f.version_id = p.version_id AND f.basis <> 'fixed')
"""

# All that was claimed for a fee and a period, on the document before it and on its own, less what that was too much.
_CLAIMED = f"""
SELECT p.id, l.fee_id, sum(CASE l.kind WHEN 'proration'
        THEN (l.explanation->>'cumulative')::numeric - (l.explanation->>'claimed_before')::numeric
        ELSE l.amount END - coalesce(c.amount, 0)), sum(l.quantity) FILTER (WHERE l.kind = 'fee'),
    min(l.service_start), max(l.service_end),
    sum({net_of("l")} - coalesce(c.credited, 0)) FILTER (WHERE l.kind = 'fee')
FROM billing_period p
JOIN billing_period own ON own.subscription_id = p.subscription_id
JOIN invoices_line l ON l.invoice_id = own.invoice_id AND l.service_start = p.starts_at AND {own("own", "l")}
JOIN plans_fee f ON f.id = l.fee_id AND f.version_id = p.version_id AND f.basis <> 'fixed'
LEFT JOIN LATERAL (
    SELECT sum((explanation->>'claimed_before')::numeric - (explanation->>'cumulative')::numeric)
        FILTER (WHERE kind = 'fee_credit') AS amount, sum(amount) AS credited
    FROM invoices_line WHERE corrects_line_id = l.id
) c ON true
WHERE p.id = ANY(%s) GROUP BY 1, 2
"""  # noqa: S608


def wrong_workings(books: Books) -> Iterator[Row]:
    """Yield lines whose amount is not what their own workings come to."""
    with ServerCursor(connection.connection, "audit_held") as cursor:
        cursor.execute(_LINES)
        for line_id, kind, fee_kind, amount, currency, stated, fee, proration, quantity in cursor:
            try:
                told = json.loads(stated)
                _check_units(told, kind, quantity)
                expected = _again(told, kind, fee_kind, currency, fee, proration)
            except (KeyError, ValueError, ZeroDivisionError, ArithmeticError) as error:
                yield {"line_id": line_id, "wrong": "workings", "error": str(error)}
                continue
            if expected != amount:
                yield {"line_id": line_id, "wrong": "amount", "stored": amount, "again": expected}


WORKINGS = {
    *("fee", "included", "segments", "formula", "taken"),
    *("claimed_before", "cumulative", "net_before", "given_before", "left", "rate", "of"),
}
"""All that a line for what is held may say of how it was worked out."""


def _check_units(told: dict[str, Any], kind: str, quantity: Decimal) -> None:
    """:raises ValueError: if a line says more than its workings, or a number of units that was never held."""
    if more := set(told) - WORKINGS:
        raise ValueError(f"{', '.join(sorted(more))} is no part of workings")
    held = {Decimal(told["taken"])} if "taken" in told else {Decimal(one["quantity"]) for one in told["segments"]}
    if quantity not in (held if kind == "fee" else {Decimal(1)}):
        raise ValueError(f"{quantity} units were never held")


def _again(told: dict[str, Any], kind: str, fee_kind: str, currency: str, fee: Decimal, proration: str) -> Decimal:
    if Decimal(told["fee"]) != fee:
        raise ValueError(f"the fee is {fee}")
    if fee_kind == "one_time":
        return round_money(fee * Decimal(told["taken"]), currency)
    units, left = _units(told["segments"]), sum(_units(told.get("left", ())))
    exact = Fraction(fee) * (max(units, default=0) if proration == "none" else sum(units))
    cumulative = round_money(exact + Fraction(fee) * left, currency) - round_money(Fraction(fee) * left, currency)
    if kind == "fee":
        return cumulative
    if Decimal(told["cumulative"]) != cumulative:
        raise ValueError(f"it comes to {cumulative}")
    return given(told, currency)


def _units(segments: Iterable[dict[str, str]]) -> list[Fraction]:
    return [Fraction(one["billable"]) * Fraction(one["share"]) for one in segments]


def given(told: dict[str, Any], currency: str) -> Decimal:
    """Return what a line that settles a fee comes to by its workings; below zero, in proportion to what was paid."""
    before = Decimal(told["claimed_before"])
    amount = Decimal(told["cumulative"]) - before
    if amount < 0 and "net_before" in told:
        amount = round_money(Fraction(amount) * Fraction(Decimal(told["net_before"])) / Fraction(before), currency)
    return amount + Decimal(told.get("given_before", 0))


def unsettled_quantities(books: Books) -> Iterator[Row]:
    """Yield closed periods whose lines for what was held are not what it comes to."""
    with connection.cursor() as cursor:
        cursor.execute(_PERIODS)
        ids = [id_ for (id_,) in cursor.fetchall()]
    for start in range(0, len(ids), AT_A_TIME):
        for closing in _read(ids[start : start + AT_A_TIME]):
            for fee, left in unsettled(closing):
                claim = closing.claimed.get(fee.fee_id)
                if left < 0 and claim is not None and not claim.net:
                    continue  # coupons and credit notes have left nothing of it to give back
                yield {"period_id": closing.span.period_id, "fee": fee.code, "left to bill": left}


def _read(ids: list[int]) -> Iterator[Closing]:
    closings = read_closings(ids)
    fill_in_quantities(closings)
    for one in closings.values():
        one.claimed = {}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIMED, [ids])
        for period_id, fee_id, amount, quantity, *service, left in cursor.fetchall():
            closings[period_id].claimed[fee_id] = Claim(
                amount, left or Decimal(0), quantity or Decimal(0), *service, ()
            )
    yield from closings.values()
