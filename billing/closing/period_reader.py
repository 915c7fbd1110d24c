"""Read the facts that a chunk of periods is billed by, in a fixed number of statements for any size of chunk."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from billing.closing.records import BilledAmount, BilledAmounts, BilledUsageLine, DuePeriod, LatePeriod
from billing.metering.rating_inputs.period_loader import RATING_COLUMNS, read_counters, read_rating_inputs
from billing.metering.rating_inputs.rating_period import CounterState, CounterWindow, RatingPeriod
from billing.models.subscriptions import STATES_WITH_PERIODS
from invoices.amounts.line_net import line_net_sql
from invoices.tax.buyer_details import BUYER_FACTS, Buyer
from lib import prepared_statements
from lib.decimals import ZERO

IS_FIRST = "NOT p.is_trial AND p.starts_at = coalesce(s.trial_ends_at, s.starts_at)"
"""SQL for whether period `p` is the first one of subscription `s` that has fees."""

# One row per period, with its subscription, customer and next period. A check of a tax number counts only for the
# number that was checked.
_DUE_PERIODS = f"""
SELECT {RATING_COLUMNS}, p.kind, s.id AS subscription_id, {IS_FIRST} AS is_first,
    s.state IN {STATES_WITH_PERIODS} AND (s.ends_at IS NULL OR s.ends_at > p.ends_at) AS subscription_continues,
    n.id AS next_id, n.version_id AS next_version_id, n.starts_at AS next_starts_at, n.ends_at AS next_ends_at,
    coalesce(n.anchor_at, s.anchor_at) AS next_anchor_at, n.is_trial AS next_is_trial, p.settles,
    n.continues_id IS NOT NULL OR coalesce(n.anchor_at = n.starts_at, false) AS is_split,
    cu.id AS customer_id, s.seller_id, cu.sandbox, cu.tax_exemption, cu.purchase_order, cu.tax_code, cu.net_days,
    CASE WHEN cu.checked_tax_number = cu.tax_number THEN cu.tax_number_is_valid END AS tax_number_is_valid,
    s.ends_at AS subscription_ends_at,
    p.state = 'open' AND EXISTS (SELECT FROM billing_billedusage b WHERE b.period_id = p.id) AS is_partly_billed,
    CASE WHEN cu.one_document THEN p.due_at END AS consolidates_at,
    CASE WHEN cu.one_document THEN s.external_id ELSE '' END AS subscription_name,
    {", ".join(f"cu.{name} AS buyer_{name}" for name in BUYER_FACTS)}
FROM billing_period p
JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer cu ON cu.id = s.customer_id
LEFT JOIN billing_period n
    ON n.subscription_id = p.subscription_id AND n.kind = 'regular' AND n.starts_at = p.ends_at AND n.id <> p.id
WHERE p.id = ANY(%s)
"""  # noqa: S608

_LATE_PERIODS = f"""
SELECT {RATING_COLUMNS}, p.late_since FROM billing_period p
JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer cu ON cu.id = s.customer_id WHERE p.id = ANY(%s)
"""  # noqa: S608

# By counter: the billed amount, and the state of the latest snapshot, the one with the highest mark.
_BILLED = """
SELECT b.period_id, b.plan_feature_id, b.window_start, b.rate_id,
    sum(CASE b.corrects_line_id WHEN 0 THEN l.amount ELSE -l.amount END) AS amount,
    (array_agg(ARRAY[(l.explanation->>'given_before')::numeric, b.events, b.quantity, b.fingerprint, b.carried,
        b.metered] ORDER BY b.high_water_mark DESC))[1:1] AS latest
FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id
WHERE b.period_id = ANY(%(ids)s) AND {in_time} GROUP BY 1, 2, 3, 4
"""

_BILLED_LINES = f"""
SELECT b.period_id, b.plan_feature_id, b.window_start, b.rate_id, l.invoice_id, l.id AS line_id, l.amount,
    {line_net_sql("l")} AS net,
    {line_net_sql("l")} - coalesce((SELECT sum(c.amount) FROM invoices_line c WHERE c.corrects_line_id = l.id), 0)
        AS uncredited
FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id
WHERE b.period_id = ANY(%(ids)s) AND b.corrects_line_id = 0 AND {{in_time}} ORDER BY l.id DESC
"""  # noqa: S608

_ISSUED_IN_TIME = "EXISTS (SELECT FROM invoices_invoice i WHERE i.id = l.invoice_id AND i.issued_at < %(until)s)"

_encode = msgspec.json.encode


def read_due_periods(period_ids: Sequence[int]) -> dict[int, DuePeriod]:
    """Return these periods with their subscription, customer and next period."""
    with prepared_statements.named_cursor() as cursor:
        cursor.execute(_DUE_PERIODS, [list(period_ids)], binary=True)
        return {row.period_id: _due_period(row) for row in cursor.fetchall()}


def _due_period(row: Any) -> DuePeriod:
    next_period = None
    if row.next_id is not None:
        next_period = RatingPeriod(
            period_id=row.next_id,
            version_id=row.next_version_id,
            currency=row.currency,
            starts_at=row.next_starts_at,
            ends_at=row.next_ends_at,
            anchor_at=row.next_anchor_at,
            time_zone=row.time_zone,
            is_trial=row.next_is_trial,
        )
    return DuePeriod(
        span=RatingPeriod.from_row(row),
        kind=row.kind,
        subscription_id=row.subscription_id,
        is_first=row.is_first,
        subscription_continues=row.subscription_continues,
        next_period=next_period,
        buyer=_buyer(row),
        is_split=row.is_split,
        settles=row.settles,
        subscription_ends_at=row.subscription_ends_at,
        is_partly_billed=row.is_partly_billed,
        consolidates_at=row.consolidates_at,
        subscription_name=row.subscription_name,
    )


def _buyer(row: Any) -> Buyer:
    return Buyer(
        customer_id=row.customer_id,
        seller_id=row.seller_id,
        sandbox=row.sandbox,
        country=row.buyer_country,
        tax_exemption=row.tax_exemption,
        time_zone=row.buyer_time_zone,
        purchase_order=row.purchase_order,
        facts=_encode({name: getattr(row, f"buyer_{name}") for name in BUYER_FACTS}),
        region=row.buyer_region,
        tax_number=row.buyer_tax_number,
        tax_code=row.tax_code,
        tax_number_is_valid=row.tax_number_is_valid,
        net_days=row.net_days,
    )


def read_late_periods(period_ids: Collection[int]) -> dict[int, LatePeriod]:
    """Return late periods with all their usage and the amounts billed for it."""
    ids = list(period_ids)
    if not ids:
        return {}
    counters, billed = read_counters(ids), read_billed_amounts(ids)
    with prepared_statements.named_cursor() as cursor:
        cursor.execute(_LATE_PERIODS, [ids], binary=True)
        rows = cursor.fetchall()
    spans = {row.period_id: RatingPeriod.from_row(row) for row in rows}
    inputs = read_rating_inputs(list(spans.values()))
    late_periods = {}
    for row in rows:
        usage = inputs.complete(spans[row.period_id], counters.get(row.period_id, {}))
        late_periods[row.period_id] = LatePeriod(
            usage.span, usage.counters, row.late_since, billed.get(row.period_id, {})
        )
    return late_periods


def read_billed_amounts(period_ids: Sequence[int], *, until: datetime | None = None) -> Mapping[int, BilledAmounts]:
    """
    Return period → (window, rate) → the amount billed so far; no statement runs without periods.

    until: leave out the invoices that were issued then or later.
    """
    amounts: dict[int, dict[tuple[CounterWindow, int], BilledAmount]] = {}
    if not period_ids:
        return {}
    parameters = {"ids": list(period_ids), "until": until}
    in_time = "true" if until is None else _ISSUED_IN_TIME
    billed_lines = _read_billed_lines(_BILLED_LINES.format(in_time=in_time), parameters)
    with prepared_statements.named_cursor() as cursor:
        cursor.execute(_BILLED.format(in_time=in_time), parameters, binary=True)
        for row in cursor:
            ((waived, events, *sums),) = row.latest
            key = CounterWindow(row.plan_feature_id, row.window_start), row.rate_id
            lines = tuple(billed_lines[row.period_id, *key])
            amounts.setdefault(row.period_id, {})[key] = BilledAmount(
                row.amount, CounterState(int(events), *sums), lines, waived or ZERO
            )
    return amounts


def _read_billed_lines(
    statement: str, parameters: Mapping[str, Any]
) -> dict[tuple[int, CounterWindow, int], list[BilledUsageLine]]:
    billed_lines: dict[tuple[int, CounterWindow, int], list[BilledUsageLine]] = {}
    with prepared_statements.named_cursor() as cursor:
        cursor.execute(statement, parameters, binary=True)
        for row in cursor.fetchall():
            key = row.period_id, CounterWindow(row.plan_feature_id, row.window_start), row.rate_id
            line = BilledUsageLine(row.invoice_id, row.line_id, row.amount, row.net, row.uncredited)
            billed_lines.setdefault(key, []).append(line)
    return billed_lines
