"""Read what a chunk of periods is billed by, in a fixed number of statements, whatever the chunk's size."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from billing.closing.records import Billed, Closing, Late, UsageClaim
from billing.metering.rating_inputs.aggregate_quantities import read_held
from billing.metering.rating_inputs.effective_terms import OVERRIDES
from billing.metering.rating_inputs.multi_period_windows import read_runs
from billing.metering.rating_inputs.period_counters import (
    DRAWS,
    Counted,
    Counters,
    Span,
    Window,
    with_metered,
    with_runs,
)
from billing.metering.rating_inputs.plan_change_carryover import CONTINUED
from billing.models.subscriptions import GETS_PERIODS
from billing.subscriptions.periods.boundaries import ANCHOR_AT
from invoices.documents.buyer_details import BUYER_FACTS, Buyer
from invoices.documents.line_net import net_of
from lib import prepared_statements
from lib.decimals import ZERO

IS_FIRST = "NOT p.is_trial AND p.starts_at = coalesce(s.trial_ends_at, s.starts_at)"
"""SQL for whether the first fees of a subscription `s` are for its period `p`."""

_PERIODS = f"""
SELECT p.id, p.version_id, s.currency, p.starts_at, p.ends_at, p.kind, s.id, {ANCHOR_AT}, {IS_FIRST},
    s.state IN {GETS_PERIODS} AND (s.ends_at IS NULL OR s.ends_at > p.ends_at),
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
UNION ALL {DRAWS} WHERE period_id = ANY(%s)
"""  # noqa: S608

_SPANS = f"""
SELECT p.id, p.version_id, s.currency, p.starts_at, p.ends_at, {ANCHOR_AT}, c.time_zone, {OVERRIDES}, {CONTINUED},
    p.is_trial, p.late_since
FROM billing_period p JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer c ON c.id = s.customer_id WHERE p.id = ANY(%s)
"""  # noqa: S608

_BILLED = """
SELECT b.period_id, b.plan_feature_id, b.window_start, b.rate_id,
    sum(CASE b.corrects_line_id WHEN 0 THEN l.amount ELSE -l.amount END),
    (array_agg(ARRAY[(l.explanation->>'given_before')::numeric, b.events, b.quantity, b.fingerprint, b.carried,
        b.metered] ORDER BY b.high_water_mark DESC))[1:1]
FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id
WHERE b.period_id = ANY(%s) GROUP BY 1, 2, 3, 4
"""

_CLAIMS = f"""
SELECT b.period_id, b.plan_feature_id, b.window_start, b.rate_id, l.invoice_id, l.id, l.amount, {net_of("l")},
    {net_of("l")} - coalesce((SELECT sum(c.amount) FROM invoices_line c WHERE c.corrects_line_id = l.id), 0)
FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id
WHERE b.period_id = ANY(%s) AND b.corrects_line_id = 0 ORDER BY l.id DESC
"""  # noqa: S608

_encode = msgspec.json.encode


def read_closings(period_ids: Sequence[int]) -> dict[int, Closing]:
    """Return these periods with their subscription, customer and following period; usage is read apart."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_PERIODS, [list(period_ids)], binary=True)
        return {row[0]: _closing(row) for row in cursor.fetchall()}


def _closing(row: Sequence[Any]) -> Closing:
    period_id, version_id, currency, starts_at, ends_at, kind, subscription_id, anchor_at = row[:8]
    is_first, goes_on = row[8:10]
    next_id, next_version_id, *next_edges, is_trial, is_split, settles, after_anchor = row[10:18]
    customer_id, seller_id, sandbox, tax_exemption, purchase_order = row[18:23]
    tax_code, is_valid, net_days, subscription_ends_at, is_begun, joins_at, name = row[23:30]
    facts = dict(zip(BUYER_FACTS, row[30:-3], strict=True))
    following, zone = None, facts["time_zone"]
    if next_id is not None:
        following = Span(next_id, next_version_id, currency, *next_edges, after_anchor, zone, is_trial=is_trial)
    return Closing(
        span=Span(period_id, version_id, currency, starts_at, ends_at, anchor_at, zone, *row[-3:]),
        kind=kind,
        subscription_id=subscription_id,
        is_first=is_first,
        goes_on=goes_on,
        is_split=is_split,
        settles=settles,
        following=following,
        ends_at=subscription_ends_at,
        is_begun=is_begun,
        joins_at=joins_at,
        name=name,
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
    """Return what was used in these periods; a period without usage is left out."""
    found: dict[int, Counters] = {}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_COUNTERS, [list(period_ids)] * 2, binary=True)
        for period_id, plan_feature_id, starts_at, rate_id, *counted in cursor.fetchall():
            windows = found.setdefault(period_id, {})
            windows.setdefault(Window(plan_feature_id, starts_at), {})[rate_id] = Counted(*counted)
    return found


def read_late(late: Mapping[int, Sequence[int]]) -> dict[int, tuple[Late, ...]]:
    """
    Return the late periods with all usage they have by now, and what was billed of it.

    late: subscription → late periods.
    """
    ids = [id_ for of_subscription in late.values() for id_ in of_subscription]
    if not ids:
        return {}
    counters, billed = read_counters(ids), read_billed(ids)
    with prepared_statements.cursor() as cursor:
        cursor.execute(_SPANS, [ids], binary=True)
        spans = {row[0]: (Span(*row[:-1]), row[-1]) for row in cursor.fetchall()}
    periods = [span for span, _ in spans.values()]
    held, runs = read_held(periods), read_runs(periods)
    found = {}
    for id_, (span, late_since) in spans.items():
        usage = with_metered(counters.get(id_, {}), span, held)
        found[id_] = Late(with_runs(span, runs), late_since, usage, billed.get(id_, {}))
    return {
        subscription_id: tuple(sorted((found[id_] for id_ in of_subscription), key=_by_start))
        for subscription_id, of_subscription in late.items()
    }


def _by_start(late: Late) -> datetime:
    return late.span.starts_at


def read_progress(closings: Mapping[int, Closing]) -> None:
    """Give the closings what progressive billing has claimed of them; where that is nothing, nothing is asked."""
    if ids := [id_ for id_, one in closings.items() if one.is_begun]:
        for period_id, billed in read_billed(ids).items():
            closings[period_id].billed = billed


def read_billed(period_ids: Sequence[int]) -> dict[int, dict[tuple[Window, int], Billed]]:
    """Return period → (window, rate) → what is claimed of it so far."""
    found: dict[int, dict[tuple[Window, int], Billed]] = {}
    claims = _read_claims(period_ids)
    with prepared_statements.cursor() as cursor:
        cursor.execute(_BILLED, [list(period_ids)], binary=True)
        for period_id, plan_feature_id, starts_at, rate_id, amount, ((given, events, *sums),) in cursor:
            of_period = found.setdefault(period_id, {})
            counted = Counted(int(events), *sums)
            key = Window(plan_feature_id, starts_at), rate_id
            of_period[key] = Billed(amount, counted, tuple(claims[period_id, *key]), given or ZERO)
    return found


def _read_claims(period_ids: Sequence[int]) -> dict[tuple[int, Window, int], list[UsageClaim]]:
    found: dict[tuple[int, Window, int], list[UsageClaim]] = {}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_CLAIMS, [list(period_ids)], binary=True)
        for period_id, plan_feature_id, starts_at, rate_id, *claim in cursor:
            key = period_id, Window(plan_feature_id, starts_at), rate_id
            found.setdefault(key, []).append(UsageClaim(*claim))
    return found
