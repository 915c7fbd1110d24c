"""
Read a chunk of past periods with the inputs of their invoices: once for all simulated versions, in a few statements.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

import msgspec

from billing.closing.commitments.contract_state import BilledPeriod, read_billed_periods
from billing.closing.lines.customer_coupons import read_coupons_as_billed
from billing.closing.lines.fee_histories import read_fees_billed_in_advance
from billing.closing.lines.multi_period_fees import with_multi_period_fees
from billing.closing.lines.section_lines import is_own_line_sql
from billing.closing.period_reader import read_due_periods
from billing.closing.records import DuePeriod, FeeHistory, PeriodToClose
from billing.metering.ingest import catalog_cache
from billing.metering.rating_inputs.period_loader import read_counters, read_split_values
from billing.metering.rating_inputs.rating_period import Counters, RatingPeriod
from billing.models import SubscriptionQuantity
from billing.simulation.candidate.prepaid import WalletDemand
from billing.simulation.history.invoiced_amounts import read_invoiced, read_wallet_demands
from billing.simulation.records import ComparableLine
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME, next_periods
from billing.subscriptions.terms.quantities import QuantityChanges, to_quantity_changes
from invoices.documents.seller_terms import SellerTerms, read_sellers
from lib.decimals import ZERO
from lib.prepared_statements import fetch_rows


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
    due_periods = _as_planned_then(_with_split_values(read_due_periods(list(rows))), rows)
    fees = _read_fee_histories(due_periods, rows)
    coupons = read_coupons_as_billed(list(rows), closed_ids={id_ for id_, row in rows.items() if not row.is_open})
    closings = {
        id_: PeriodToClose.of(due, fees=fees[id_], coupons=coupons.get(id_, ())) for id_, due in due_periods.items()
    }
    spans = {period_id: closings[period_id].span for period_id in period_ids}
    return PastPeriods(
        at=at,
        period_ids=tuple(period_ids),
        rows=rows,
        closings=closings,
        counters=read_counters([id_ for id_, due in due_periods.items() if due.kind == "regular"]),
        sellers=read_sellers({closing.buyer.seller_id for closing in closings.values()}),
        invoiced=read_invoiced(spans),
        wallet_demands=read_wallet_demands(spans),
        billed=read_billed_periods(sorted({closing.subscription_id for closing in closings.values()})),
    )


def _with_split_values(due_periods: Mapping[int, DuePeriod]) -> dict[int, DuePeriod]:
    split_values = read_split_values([due.span for due in due_periods.values()])
    return {
        period_id: msgspec.structs.replace(
            due, span=msgspec.structs.replace(due.span, split_values=split_values.get(period_id, ()))
        )
        for period_id, due in due_periods.items()
    }


def _read_rows(period_ids: Sequence[int]) -> dict[int, PeriodRow]:
    """
    Return these periods and the one before each; a period split by plan changes brings all of its earlier parts.
    """
    rows_by_period: dict[int, PeriodRow] = {}
    pending_ids = list(period_ids)
    is_requested = True  # in the first round; each later round follows the parts that plan changes have split
    while pending_ids:
        new_rows = [PeriodRow(*row) for row in fetch_rows(_ROWS, [pending_ids])]
        rows_by_period |= {row.period_id: row for row in new_rows}
        previous_ids = {
            row.before_id for row in new_rows if row.before_id is not None and (is_requested or row.continues)
        }
        pending_ids, is_requested = sorted(previous_ids - rows_by_period.keys()), False
    return rows_by_period


def _as_planned_then(due_periods: dict[int, DuePeriod], rows: Mapping[int, PeriodRow]) -> dict[int, DuePeriod]:
    """Return the periods, each with the one that followed it at the time it was billed."""
    planned = due_periods | _with_billed_followers(due_periods)
    last_periods = [
        due
        for period_id, due in planned.items()
        if due.next_period is None and rows[period_id].is_open and due.subscription_continues
    ]
    if not last_periods:
        return planned
    until = max(due.span.ends_at for due in last_periods) + PERIOD_LEAD_TIME
    next_by_subscription = next_periods(subscription_ids=[due.subscription_id for due in last_periods], until=until)
    for due in last_periods:
        if due.subscription_id in next_by_subscription:
            version_id, (starts_at, ends_at), anchor_at = next_by_subscription[due.subscription_id]
            span = due.span
            # Id 0, because the period has no row yet.
            next_span = RatingPeriod(0, version_id, span.currency, starts_at, ends_at, anchor_at, span.time_zone)
            planned[span.period_id] = msgspec.structs.replace(due, next_period=next_span)
    return planned


def _with_billed_followers(due_periods: Mapping[int, DuePeriod]) -> dict[int, DuePeriod]:
    """Return the periods that billed fees in advance, each with the next period that it billed them for."""
    billing_ahead = {}
    for period_id, version_id, starts_at, ends_at, lasting_until in fetch_rows(
        _BILLED_IN_ADVANCE, [list(due_periods)]
    ):
        due = due_periods[period_id]
        follower = due.next_period or msgspec.structs.replace(
            due.span, period_id=0, overrides="", continued="", split_values=()
        )
        billing_ahead[period_id] = msgspec.structs.replace(
            due,
            subscription_ends_at=lasting_until or due.subscription_ends_at,
            next_period=msgspec.structs.replace(
                follower, version_id=version_id, starts_at=starts_at, ends_at=ends_at, runs={}
            ),
        )
    return billing_ahead


def _read_fee_histories(due_periods: Mapping[int, DuePeriod], rows: Mapping[int, PeriodRow]) -> dict[int, FeeHistory]:
    """
    Return the fee histories as of the time when each period was closed: the quantity changes recorded by then, and
    the fees billed in advance less the credits on them by then.
    """
    changes = _read_quantity_changes(due_periods, rows)
    regular = {period_id: due for period_id, due in due_periods.items() if due.kind == "regular"}
    billed = read_fees_billed_in_advance(list(regular))
    histories = {id_: FeeHistory(changes[id_], billed.get(id_, {})) for id_ in due_periods}
    histories |= with_multi_period_fees(regular.values(), histories)
    until = {period_id: row.closed_at or FAR_FUTURE for period_id, row in rows.items()}
    credited = _read_credits(
        {
            (billed_fee.line_id, until[period_id])
            for period_id, history in histories.items()
            for billed_fee in history.billed_fees.values()
            if billed_fee.credited
        }
    )
    return {
        period_id: history._replace(
            billed_fees={
                fee_id: msgspec.structs.replace(
                    billed_fee, credited=credited.get((billed_fee.line_id, until[period_id]), ZERO)
                )
                for fee_id, billed_fee in history.billed_fees.items()
            }
        )
        for period_id, history in histories.items()
    }


def _read_quantity_changes(
    due_periods: Mapping[int, DuePeriod], rows: Mapping[int, PeriodRow]
) -> dict[int, QuantityChanges]:
    """Return period → the quantity changes that were recorded by the time it was closed."""
    rows_by_subscription: dict[int, list[SubscriptionQuantity]] = {}
    subscription_ids = {due.subscription_id for due in due_periods.values()}
    for row in SubscriptionQuantity.objects.in_order().filter(subscription__in=subscription_ids):
        rows_by_subscription.setdefault(row.subscription_id, []).append(row)
    return {
        period_id: to_quantity_changes(
            row
            for row in rows_by_subscription.get(due.subscription_id, ())
            if (closed_at := rows[period_id].closed_at) is None or row.recorded_at <= closed_at
        )
        for period_id, due in due_periods.items()
    }


def _read_credits(lines: AbstractSet[tuple[int, datetime]]) -> dict[tuple[int, datetime], Decimal]:
    """Return (line, time) → the amount of the line that was credited by then."""
    if not lines:
        return {}
    rows = fetch_rows(_CREDITED, [list(column) for column in zip(*lines, strict=True)])
    return {(line_id, until): amount for line_id, until, amount in rows}
