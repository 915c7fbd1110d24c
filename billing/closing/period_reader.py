"""Read the facts that a chunk of periods is billed by, in a fixed number of statements for any size of chunk."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from billing.closing.records import BilledAmount, BilledUsageLine, LatePeriod, PeriodToClose
from billing.metering.rating_inputs.aggregate_quantities import read_states
from billing.metering.rating_inputs.effective_terms import OVERRIDES
from billing.metering.rating_inputs.multi_period_windows import read_window_runs
from billing.metering.rating_inputs.period_counters import (
    DRAWDOWN_COUNTERS,
    Counters,
    CounterState,
    CounterWindow,
    RatingPeriod,
    add_state_quantities,
    add_window_runs,
)
from billing.metering.rating_inputs.plan_change_carryover import CONTINUED
from billing.models.subscriptions import STATES_WITH_PERIODS
from billing.subscriptions.periods.boundaries import ANCHOR_AT
from invoices.amounts.line_net import line_net_sql
from invoices.tax.buyer_details import BUYER_FACTS, Buyer
from lib import prepared_statements
from lib.decimals import ZERO

IS_FIRST = "NOT p.is_trial AND p.starts_at = coalesce(s.trial_ends_at, s.starts_at)"
"""SQL for whether period `p` is the first one of subscription `s` that has fees."""

# One row per period, with its subscription, customer and next period; `_period_to_close` unpacks it by position.
# A check of a tax number counts only for the number that was checked.
_PERIODS = f"""
SELECT p.id, p.version_id, s.currency, p.starts_at, p.ends_at, p.kind, s.id, {ANCHOR_AT}, {IS_FIRST},
    s.state IN {STATES_WITH_PERIODS} AND (s.ends_at IS NULL OR s.ends_at > p.ends_at),
    n.id, n.version_id, n.starts_at, n.ends_at, n.is_trial, n.continues_id IS NOT NULL, p.settles, s.anchor_at,
    c.id, c.seller_id, c.sandbox, c.tax_exemption, c.purchase_order, c.tax_code,
    CASE WHEN c.checked_tax_number = c.tax_number THEN c.tax_number_is_valid END, c.net_days, s.ends_at,
    p.state = 'open' AND EXISTS (SELECT FROM billing_billedusage b WHERE b.period_id = p.id),
    CASE WHEN c.one_document THEN p.due_at END, CASE WHEN c.one_document THEN s.external_id ELSE '' END,
    {", ".join(f"c.{name}" for name in BUYER_FACTS)}, {OVERRIDES}, {CONTINUED}, p.is_trial
FROM billing_period p
JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer c ON c.id = s.customer_id
LEFT JOIN billing_period n
    ON n.subscription_id = p.subscription_id AND n.kind = 'regular' AND n.starts_at = p.ends_at AND n.id <> p.id
WHERE p.id = ANY(%s)
"""  # noqa: S608

_COUNTERS = f"""
SELECT period_id, plan_feature_id, window_start, rate_id, events, quantity, fingerprint, carried
FROM billing_counter WHERE period_id = ANY(%s)
UNION ALL {DRAWDOWN_COUNTERS} WHERE period_id = ANY(%s)
"""  # noqa: S608

_SPANS = f"""
SELECT p.id, p.version_id, s.currency, p.starts_at, p.ends_at, {ANCHOR_AT}, c.time_zone, {OVERRIDES}, {CONTINUED},
    p.is_trial, p.late_since
FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer c ON c.id = s.customer_id WHERE p.id = ANY(%s)
"""  # noqa: S608

# By counter: the billed amount, and the state of the latest snapshot, the one with the highest mark.
_BILLED = """
SELECT b.period_id, b.plan_feature_id, b.window_start, b.rate_id,
    sum(CASE b.corrects_line_id WHEN 0 THEN l.amount ELSE -l.amount END),
    (array_agg(ARRAY[(l.explanation->>'given_before')::numeric, b.events, b.quantity, b.fingerprint, b.carried,
        b.metered] ORDER BY b.high_water_mark DESC))[1:1]
FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id
WHERE b.period_id = ANY(%s) GROUP BY 1, 2, 3, 4
"""

_BILLED_LINES = f"""
SELECT b.period_id, b.plan_feature_id, b.window_start, b.rate_id, l.invoice_id, l.id, l.amount, {line_net_sql("l")},
    {line_net_sql("l")} - coalesce((SELECT sum(c.amount) FROM invoices_line c WHERE c.corrects_line_id = l.id), 0)
FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id
WHERE b.period_id = ANY(%s) AND b.corrects_line_id = 0 ORDER BY l.id DESC
"""  # noqa: S608

_encode = msgspec.json.encode


def read_periods_to_close(period_ids: Sequence[int]) -> dict[int, PeriodToClose]:
    """Return these periods with their subscription, customer and next period; usage is read separately."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_PERIODS, [list(period_ids)], binary=True)
        return {row[0]: _period_to_close(row) for row in cursor.fetchall()}


def _period_to_close(row: Sequence[Any]) -> PeriodToClose:
    period_id, version_id, currency, starts_at, ends_at, kind, subscription_id, anchor_at = row[:8]
    is_first, continues = row[8:10]
    next_id, next_version_id, *next_bounds, is_trial, is_split, settles, after_anchor = row[10:18]
    customer_id, seller_id, sandbox, tax_exemption, purchase_order = row[18:23]
    tax_code, is_valid, net_days, subscription_ends_at, is_partly_billed, consolidates_at, name = row[23:30]
    facts = dict(zip(BUYER_FACTS, row[30:-3], strict=True))
    next_period, zone = None, facts["time_zone"]
    if next_id is not None:
        next_period = RatingPeriod(
            next_id, next_version_id, currency, *next_bounds, after_anchor, zone, is_trial=is_trial
        )
    return PeriodToClose(
        span=RatingPeriod(period_id, version_id, currency, starts_at, ends_at, anchor_at, zone, *row[-3:]),
        kind=kind,
        subscription_id=subscription_id,
        is_first=is_first,
        subscription_continues=continues,
        is_split=is_split,
        settles=settles,
        next_period=next_period,
        subscription_ends_at=subscription_ends_at,
        is_partly_billed=is_partly_billed,
        consolidates_at=consolidates_at,
        subscription_name=name,
        buyer=Buyer(
            customer_id=customer_id,
            seller_id=seller_id,
            sandbox=sandbox,
            country=facts["country"],
            tax_exemption=tax_exemption,
            time_zone=facts["time_zone"],
            purchase_order=purchase_order,
            facts=_encode(facts),
            region=facts["region"],
            tax_number=facts["tax_number"],
            tax_code=tax_code,
            tax_number_is_valid=is_valid,
            net_days=net_days,
        ),
    )


def read_counters(period_ids: Sequence[int]) -> dict[int, Counters]:
    """Return the usage of these periods; a period without usage is left out."""
    counters: dict[int, Counters] = {}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_COUNTERS, [list(period_ids)] * 2, binary=True)
        for period_id, plan_feature_id, starts_at, rate_id, *state in cursor.fetchall():
            windows = counters.setdefault(period_id, {})
            windows.setdefault(CounterWindow(plan_feature_id, starts_at), {})[rate_id] = CounterState(*state)
    return counters


def read_late_periods(late: Mapping[int, Sequence[int]]) -> dict[int, tuple[LatePeriod, ...]]:
    """
    Return the late periods with all their usage and the amounts billed for it.

    late: subscription → late periods.
    """
    ids = [id_ for late_ids in late.values() for id_ in late_ids]
    if not ids:
        return {}
    counters, billed = read_counters(ids), read_billed_amounts(ids)
    with prepared_statements.cursor() as cursor:
        cursor.execute(_SPANS, [ids], binary=True)
        spans = {row[0]: (RatingPeriod(*row[:-1]), row[-1]) for row in cursor.fetchall()}
    periods = [span for span, _ in spans.values()]
    states, runs = read_states(periods), read_window_runs(periods)
    late_periods = {}
    for id_, (span, late_since) in spans.items():
        usage = add_state_quantities(counters.get(id_, {}), span, states)
        late_periods[id_] = LatePeriod(add_window_runs(span, runs), late_since, usage, billed.get(id_, {}))
    return {
        subscription_id: tuple(sorted((late_periods[id_] for id_ in late_ids), key=_by_start))
        for subscription_id, late_ids in late.items()
    }


def _by_start(late_period: LatePeriod) -> datetime:
    return late_period.span.starts_at


def attach_billed_amounts(closings: Mapping[int, PeriodToClose]) -> None:
    """Attach to the closings the amounts that threshold billing has billed; without any, no query runs."""
    if ids := [id_ for id_, closing in closings.items() if closing.is_partly_billed]:
        for period_id, billed in read_billed_amounts(ids).items():
            closings[period_id].billed_amounts = billed


def read_billed_amounts(period_ids: Sequence[int]) -> dict[int, dict[tuple[CounterWindow, int], BilledAmount]]:
    """Return period → (window, rate) → the amount billed so far."""
    amounts: dict[int, dict[tuple[CounterWindow, int], BilledAmount]] = {}
    billed_lines = _read_billed_lines(period_ids)
    with prepared_statements.cursor() as cursor:
        cursor.execute(_BILLED, [list(period_ids)], binary=True)
        for period_id, plan_feature_id, starts_at, rate_id, amount, ((waived, events, *sums),) in cursor:
            period_amounts = amounts.setdefault(period_id, {})
            state = CounterState(int(events), *sums)
            key = CounterWindow(plan_feature_id, starts_at), rate_id
            period_amounts[key] = BilledAmount(amount, state, tuple(billed_lines[period_id, *key]), waived or ZERO)
    return amounts


def _read_billed_lines(period_ids: Sequence[int]) -> dict[tuple[int, CounterWindow, int], list[BilledUsageLine]]:
    billed_lines: dict[tuple[int, CounterWindow, int], list[BilledUsageLine]] = {}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_BILLED_LINES, [list(period_ids)], binary=True)
        for period_id, plan_feature_id, starts_at, rate_id, *columns in cursor:
            key = period_id, CounterWindow(plan_feature_id, starts_at), rate_id
            billed_lines.setdefault(key, []).append(BilledUsageLine(*columns))
    return billed_lines
