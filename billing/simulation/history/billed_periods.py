"""
Read a chunk of past periods with the inputs of their invoices: once for all simulated versions, in a few statements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from billing.closing.commitments.contract_state import BilledPeriod, read_billed_periods
from billing.closing.lines.coupon_discounts import attach_coupons
from billing.closing.lines.multi_period_fees import attach_multi_period_fees
from billing.closing.lines.quantity_lines import read_fees_billed_in_advance
from billing.closing.lines.section_lines import is_own_line_sql
from billing.closing.period_reader import read_counters, read_periods_to_close
from billing.closing.records import PeriodToClose
from billing.metering.ingest import catalog_cache
from billing.metering.rating_inputs.period_counters import Counters, RatingPeriod
from billing.models import SubscriptionQuantity
from billing.simulation.candidate.prepaid import WalletDemand
from billing.simulation.history.invoiced_amounts import read_invoiced, read_wallet_demands
from billing.simulation.records import ComparableLine
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME, next_periods
from billing.subscriptions.terms.quantities import to_quantity_changes
from invoices.documents.seller_terms import SellerTerms, read_sellers
from lib import prepared_statements
from lib.decimals import ZERO


class PeriodRow(NamedTuple):
    """The state of a period. before_id: the subscription's previous period; None for the first one."""

    period_id: int
    is_open: bool
    closed_at: datetime | None
    is_late: bool
    continues: bool
    before_id: int | None


@dataclass(frozen=True, slots=True)
class PastPeriods:
    """
    Periods with all inputs of their invoices.

    `closings` also holds earlier periods, as far as their claims in advance or their tier progress affect the
    requested ones. period_ids: the requested periods. invoiced: the invoiced lines of each. wallet_demands: period →
    unit → demand on wallets. billed: subscription → all its periods, for contracts.
    """

    at: datetime
    period_ids: tuple[int, ...]
    rows: Mapping[int, PeriodRow]
    closings: Mapping[int, PeriodToClose]
    counters: Mapping[int, Counters]
    sellers: Mapping[int, SellerTerms]
    invoiced: Mapping[int, tuple[ComparableLine, ...]]
    wallet_demands: Mapping[int, Mapping[str, WalletDemand]]
    billed: Mapping[int, Sequence[BilledPeriod]]

    def drawdowns(self, period_id: int) -> dict[str, Decimal]:
        """Return unit → cost of the period's prepaid usage in wallets."""
        return {unit: demand.cost for unit, demand in self.wallet_demands.get(period_id, {}).items()}

    def by_subscription(self) -> list[list[PeriodToClose]]:
        """Return the periods of each subscription in order of time, including the earlier ones."""
        closings = sorted(self.closings.values(), key=lambda closing: (closing.subscription_id, closing.span.ends_at))
        return [
            list(subscription_closings)
            for _, subscription_closings in groupby(closings, key=lambda closing: closing.subscription_id)
        ]


_ROWS = """
SELECT p.id, p.state = 'open', p.closed_at, p.late_since IS NOT NULL, p.continues_id IS NOT NULL, (
    SELECT b.id FROM billing_period b WHERE b.subscription_id = p.subscription_id AND b.ends_at = p.starts_at
        AND b.id <> p.id LIMIT 1)
FROM billing_period p WHERE p.id = ANY(%s)
"""

# Fees billed in advance are for the next period as it was planned at that time, and fees for several periods run to
# the subscription's end as it was planned then. So both are read from the invoice's lines, not from today's periods.
_BILLED_IN_ADVANCE = f"""
SELECT p.id, max(f.version_id), min(l.service_start), coalesce(max(l.service_end) FILTER (WHERE f.every = 1), (
        SELECT n.ends_at FROM billing_period n
        WHERE n.subscription_id = p.subscription_id AND n.kind = 'regular' AND n.starts_at = p.ends_at
    ), max(l.service_end)), max(l.service_end) FILTER (WHERE f.every > 1)
FROM billing_period p
JOIN invoices_line l ON l.invoice_id = p.invoice_id AND l.kind = 'fee' AND l.service_start >= p.ends_at
    AND {is_own_line_sql("p", "l")}
JOIN plans_fee f ON f.id = l.fee_id WHERE p.id = ANY(%s) GROUP BY p.id
"""  # noqa: S608

_CREDITED = """
SELECT billed.line, billed.until, sum(c.amount) FROM unnest(%s::bigint[], %s::timestamptz[]) AS billed(line, until)
JOIN invoices_line c ON c.corrects_line_id = billed.line
JOIN invoices_invoice i ON i.id = c.invoice_id AND i.issued_at < billed.until GROUP BY 1, 2
"""
FAR_FUTURE = datetime.max.replace(tzinfo=UTC)


def read_past(period_ids: Sequence[int], *, at: datetime) -> PastPeriods:
    """Return regular periods as they were billed, or as they would be billed; open ones count up to `at`."""
    rows = _read_rows(period_ids)
    catalog_cache.refresh()  # the closings may use meters that were created after this process cached the catalog
    closings = read_periods_to_close(list(rows))
    _set_following(closings, rows)
    _set_quantity_changes(closings, rows)
    regular = {period_id: closing for period_id, closing in closings.items() if closing.kind == "regular"}
    attach_coupons(closings)
    _set_billed_fees(closings, rows, list(regular))
    spans = {period_id: closings[period_id].span for period_id in period_ids}
    return PastPeriods(
        at=at,
        period_ids=tuple(period_ids),
        rows=rows,
        closings=closings,
        counters=read_counters(list(regular)),
        sellers=read_sellers({closing.buyer.seller_id for closing in closings.values()}),
        invoiced=read_invoiced(spans),
        wallet_demands=read_wallet_demands(spans),
        billed=read_billed_periods(sorted({closing.subscription_id for closing in closings.values()})),
    )


def _read_rows(period_ids: Sequence[int]) -> dict[int, PeriodRow]:
    """
    Return these periods and the one before each; a period split by plan changes brings all of its earlier parts.
    """
    rows_by_period: dict[int, PeriodRow] = {}
    pending_ids = list(period_ids)
    is_requested = True  # in the first round; each later round follows the parts that plan changes have split
    while pending_ids:
        new_rows = [PeriodRow(*row) for row in _query(_ROWS, pending_ids)]
        rows_by_period |= {row.period_id: row for row in new_rows}
        previous_ids = {
            row.before_id for row in new_rows if row.before_id is not None and (is_requested or row.continues)
        }
        pending_ids, is_requested = sorted(previous_ids - rows_by_period.keys()), False
    return rows_by_period


def _set_following(closings: Mapping[int, PeriodToClose], rows: Mapping[int, PeriodRow]) -> None:
    """Set the period that followed each period at the time it was billed."""
    for period_id, version_id, starts_at, ends_at, lasting_until in _query(_BILLED_IN_ADVANCE, list(closings)):
        closing = closings[period_id]
        closing.subscription_ends_at = lasting_until or closing.subscription_ends_at
        follower = closing.next_period or msgspec.structs.replace(
            closing.span, period_id=0, overrides="", continued=""
        )
        closing.next_period = msgspec.structs.replace(
            follower, version_id=version_id, starts_at=starts_at, ends_at=ends_at, runs={}
        )
    last_closings = [
        closing
        for period_id, closing in closings.items()
        if closing.next_period is None and rows[period_id].is_open and closing.subscription_continues
    ]
    if not last_closings:
        return
    until = max(closing.span.ends_at for closing in last_closings) + PERIOD_LEAD_TIME
    next_by_subscription = next_periods(
        subscription_ids=[closing.subscription_id for closing in last_closings], until=until
    )
    for closing in last_closings:
        if closing.subscription_id in next_by_subscription:
            version_id, (starts_at, ends_at), anchor_at = next_by_subscription[closing.subscription_id]
            span = closing.span
            closing.next_period = RatingPeriod(
                0, version_id, span.currency, starts_at, ends_at, anchor_at, span.time_zone
            )


def _set_quantity_changes(closings: Mapping[int, PeriodToClose], rows: Mapping[int, PeriodRow]) -> None:
    """Give each period the quantity changes that were recorded by the time it was closed."""
    rows_by_subscription: dict[int, list[SubscriptionQuantity]] = {}
    subscription_ids = {closing.subscription_id for closing in closings.values()}
    for row in SubscriptionQuantity.objects.in_order().filter(subscription__in=subscription_ids):
        rows_by_subscription.setdefault(row.subscription_id, []).append(row)
    for period_id, closing in closings.items():
        closed_at = rows[period_id].closed_at
        subscription_rows = rows_by_subscription.get(closing.subscription_id, ())
        closing.quantity_changes = to_quantity_changes(
            row for row in subscription_rows if closed_at is None or row.recorded_at <= closed_at
        )


def _set_billed_fees(
    closings: Mapping[int, PeriodToClose], rows: Mapping[int, PeriodRow], period_ids: Sequence[int]
) -> None:
    """Give each period the fees billed in advance, less the credits on them before it was closed."""
    fees_by_period, own_closings = (
        read_fees_billed_in_advance(period_ids),
        [closings[period_id] for period_id in period_ids],
    )
    for closing in own_closings:
        closing.billed_fees = fees_by_period.get(closing.span.period_id, {})
    attach_multi_period_fees(own_closings)
    until = {period_id: rows[period_id].closed_at or FAR_FUTURE for period_id in period_ids}
    credited_lines = {
        (billed_fee.line_id, until[closing.span.period_id])
        for closing in own_closings
        for billed_fee in closing.billed_fees.values()
        if billed_fee.credited
    }
    credited: dict[tuple[int, datetime], Decimal] = {}
    if credited_lines:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_CREDITED, [list(column) for column in zip(*credited_lines, strict=True)])
            credited = {(line_id, moment): amount for line_id, moment, amount in cursor.fetchall()}
    for closing in own_closings:
        closing.billed_fees = {
            fee_id: msgspec.structs.replace(
                billed_fee, credited=credited.get((billed_fee.line_id, until[closing.span.period_id]), ZERO)
            )
            for fee_id, billed_fee in closing.billed_fees.items()
        }


def _query(statement: str, period_ids: Sequence[int]) -> list[tuple[Any, ...]]:
    with prepared_statements.cursor() as cursor:
        cursor.execute(statement, [list(period_ids)])
        return cursor.fetchall()
