"""Check lines for seats and add-ons: compute them again from the subscription's quantities."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import connection
from psycopg import ServerCursor

from billing.audit.check import Row
from billing.audit.shared_reads import Books
from billing.closing.lines.fee_histories import read_fee_histories
from billing.closing.lines.quantity_lines import added_units, cumulative_amount, settled_until
from billing.closing.lines.section_lines import is_own_line_sql
from billing.closing.period_reader import read_due_periods
from billing.closing.records import NO_FEE_HISTORY, BilledFee, PeriodToClose
from invoices.amounts.line_net import line_net_sql
from lib.decimals import EXACT, ZERO
from lib.money import round_money
from plans.catalog.stored_terms import FeeTerms, load_terms
from plans.models.prices import FeeKind

# Periods in memory at a time, with their lines.
BATCH_SIZE = 500

_LINES = """
SELECT l.id, l.kind, f.kind, l.amount, l.currency, l.explanation::text, f.amount, v.proration, l.quantity
FROM invoices_line l JOIN plans_fee f ON f.id = l.fee_id JOIN plans_planversion v ON v.id = f.version_id
WHERE f.basis <> 'fixed'
"""

_PERIODS = """
SELECT p.id FROM billing_period p WHERE p.state = 'closed' AND p.kind = 'regular' AND NOT p.is_trial
    AND EXISTS (SELECT FROM plans_fee f WHERE f.version_id = p.version_id AND f.basis <> 'fixed')
"""

# Everything billed for a fee and a period, on the invoice before it and on its own, less the credits for a quantity
# that turned out lower.
_BILLED = f"""
SELECT p.id, l.fee_id, sum(CASE l.kind WHEN 'proration'
        THEN (l.explanation->>'cumulative')::numeric - (l.explanation->>'claimed_before')::numeric
        ELSE l.amount END - coalesce(c.amount, 0)), sum(l.quantity) FILTER (WHERE l.kind = 'fee'),
    min(l.service_start), max(l.service_end),
    sum({line_net_sql("l")} - coalesce(c.credited, 0)) FILTER (WHERE l.kind = 'fee')
FROM billing_period p
JOIN billing_period own ON own.subscription_id = p.subscription_id
JOIN invoices_line l ON l.invoice_id = own.invoice_id AND l.service_start = p.starts_at
    AND {is_own_line_sql("own", "l")}
JOIN plans_fee f ON f.id = l.fee_id AND f.version_id = p.version_id AND f.basis <> 'fixed'
LEFT JOIN LATERAL (
    SELECT sum((explanation->>'claimed_before')::numeric - (explanation->>'cumulative')::numeric)
        FILTER (WHERE kind = 'fee_credit') AS amount, sum(amount) AS credited
    FROM invoices_line WHERE corrects_line_id = l.id
) c ON true
WHERE p.id = ANY(%s) GROUP BY 1, 2
"""  # noqa: S608


def wrong_quantity_lines(books: Books) -> Iterator[Row]:
    """Yield lines whose amount differs from their own explanation."""
    with ServerCursor(connection.connection, "audit_held") as cursor:
        cursor.execute(_LINES)
        for line_id, kind, fee_kind, amount, currency, explanation_text, fee, proration, quantity in cursor:
            try:
                explanation = json.loads(explanation_text)
                _check_units(explanation, kind, quantity)
                expected = _recompute(explanation, kind, fee_kind, currency, fee, proration)
            except (KeyError, ValueError, ZeroDivisionError, ArithmeticError) as error:
                yield {"line_id": line_id, "wrong": "workings", "error": str(error)}
                continue
            if expected != amount:
                yield {"line_id": line_id, "wrong": "amount", "stored": amount, "again": expected}


EXPLANATION_KEYS = {
    *("fee", "included", "segments", "formula", "taken"),
    *("claimed_before", "cumulative", "net_before", "given_before", "left", "rate", "of"),
}
"""All keys that the explanation of a quantity line may have."""


def _check_units(explanation: dict[str, Any], kind: str, quantity: Decimal) -> None:
    """
    :raises ValueError: if the explanation has an unknown key, or the line a quantity that none of its segments has.
    """
    if unknown_keys := set(explanation) - EXPLANATION_KEYS:
        raise ValueError(f"{', '.join(sorted(unknown_keys))} is no part of workings")
    valid_quantities = (
        {Decimal(explanation["taken"])}
        if "taken" in explanation
        else {Decimal(segment["quantity"]) for segment in explanation["segments"]}
    )
    if quantity not in (valid_quantities if kind == "fee" else {Decimal(1)}):
        raise ValueError(f"{quantity} units were never held")


def _recompute(
    explanation: dict[str, Any], kind: str, fee_kind: str, currency: str, fee: Decimal, proration: str
) -> Decimal:
    if Decimal(explanation["fee"]) != fee:
        raise ValueError(f"the fee is {fee}")
    if fee_kind == "one_time":
        return round_money(fee * Decimal(explanation["taken"]), currency)
    units, remaining_units = _units(explanation["segments"]), sum(_units(explanation.get("left", ())))
    exact = Fraction(fee) * (max(units, default=0) if proration == "none" else sum(units))
    cumulative = round_money(exact + Fraction(fee) * remaining_units, currency) - round_money(
        Fraction(fee) * remaining_units, currency
    )
    if kind == "fee":
        return cumulative
    if Decimal(explanation["cumulative"]) != cumulative:
        raise ValueError(f"the sum is {cumulative}")
    return settled_amount(explanation, currency)


def _units(segments: Iterable[dict[str, str]]) -> list[Fraction]:
    return [Fraction(segment["billable"]) * Fraction(segment["share"]) for segment in segments]


def settled_amount(explanation: dict[str, Any], currency: str) -> Decimal:
    """
    Return the amount of a line that settles a fee, from its explanation; a credit is proportional to the payment.
    """
    claimed_before = Decimal(explanation["claimed_before"])
    amount = Decimal(explanation["cumulative"]) - claimed_before
    if amount < 0 and "net_before" in explanation:
        amount = round_money(
            Fraction(amount) * Fraction(Decimal(explanation["net_before"])) / Fraction(claimed_before), currency
        )
    return amount + Decimal(explanation.get("given_before", 0))


def unsettled_quantities(books: Books) -> Iterator[Row]:
    """Yield closed periods whose quantity lines don't add up to the amount of their quantities."""
    with connection.cursor() as cursor:
        cursor.execute(_PERIODS)
        period_ids = [period_id for (period_id,) in cursor.fetchall()]
    for start in range(0, len(period_ids), BATCH_SIZE):
        for closing in _read_closings(period_ids[start : start + BATCH_SIZE]):
            for fee, remaining in _unsettled_fees(closing):
                billed_fee = closing.fees.billed_fees.get(fee.fee_id)
                if remaining < 0 and billed_fee is not None and not billed_fee.net:
                    continue  # coupons and credit notes have left nothing to credit
                yield {"period_id": closing.span.period_id, "fee": fee.code, "left to bill": remaining}


def _unsettled_fees(closing: PeriodToClose) -> Iterator[tuple[FeeTerms, Decimal]]:
    """Yield each quantity fee with its unsettled amount; `billed_fees` must hold everything billed for it."""
    span = closing.span
    terms = load_terms(span.version_id, span.currency)
    for fee in terms.unit_fees:
        billed_fee = closing.fees.billed_fees.get(fee.fee_id)
        if fee.kind == FeeKind.ONE_TIME:
            # Units that were removed don't return their one-time fee.
            count = max(added_units(closing, span, fee, is_start=False), 0)
            unsettled = round_money(count * fee.amount, span.currency)
        else:
            until = settled_until(closing, billed_fee)
            cumulative, _ = cumulative_amount(closing, billed_fee, fee, terms, until=until)
            unsettled = EXACT.subtract(cumulative, billed_fee.amount if billed_fee else ZERO)
        if unsettled:
            yield fee, unsettled


def _read_closings(period_ids: list[int]) -> Iterator[PeriodToClose]:
    due_periods = read_due_periods(period_ids)
    histories = read_fee_histories(due_periods.values())
    billed_fees: dict[int, dict[int, BilledFee]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_BILLED, [period_ids])
        for period_id, fee_id, amount, quantity, start, end, remaining_net in cursor.fetchall():
            billed_fees.setdefault(period_id, {})[fee_id] = BilledFee(
                amount, remaining_net or Decimal(0), quantity or Decimal(0), start, end, ()
            )
    for id_, due in due_periods.items():
        history = histories.get(id_, NO_FEE_HISTORY)
        yield PeriodToClose.of(due, fees=history._replace(billed_fees=billed_fees.get(id_, {})))
