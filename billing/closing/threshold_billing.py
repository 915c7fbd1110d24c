"""
Bill a period's usage before the period is over, once it reaches a threshold, or at once if its price says so.

The amount due is that of all usage so far minus the billed amount: the arithmetic of late usage, applied to an open
period. So tiers and allowances continue, and the period's last invoice bills the rest the same way.

Source: docs/closing.md#progressive-billing.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain

import msgspec
from django.db import connection, transaction

from billing.closing.invoice_writer import write_invoice_rows
from billing.closing.lines.late_usage_lines import UsageDifference, usage_differences
from billing.closing.lines.line_templates import line_templates
from billing.closing.period_reader import read_billed_amounts, read_due_periods
from billing.closing.records import AssembledInvoice, BilledAmounts, DuePeriod, LatePeriod, UsageSnapshot
from billing.metering.rating_inputs.period_loader import read_counters, read_rating_inputs
from billing.metering.rating_inputs.plan_change_carryover import NOT_BILLED_YET
from billing.metering.store.events import read_high_water_mark
from billing.models import Period
from billing.models.periods import PeriodState
from customers.customer_time import clock_sql
from invoices.documents.drafts import Draft, DraftLine
from invoices.documents.issue import issue
from invoices.documents.locked_months import find_locked_sellers
from invoices.documents.seller_terms import SellerTerms, read_sellers
from lib import sql
from lib.decimals import EXACT, exact_sum
from lib.queue import lock_free_row
from plans.catalog.stored_terms import FeatureTerms, load_terms
from plans.pricing.billing_thresholds import SpendThreshold, count_reached

_ANY_THRESHOLD = """
SELECT EXISTS (SELECT FROM plans_billingthreshold) OR EXISTS (SELECT FROM customers_customer
    WHERE billed_each IS NOT NULL) OR EXISTS (SELECT FROM plans_price WHERE billed_each IS NOT NULL)
"""

# Running periods with a threshold, or a price that is billed in advance, whose event count changed since the last
# check; the check spares the rating of all others.
_CANDIDATES = """
SELECT p.id, c.events, k.billed_each FROM billing_period p
JOIN billing_subscription s ON s.id = p.subscription_id JOIN customers_customer k ON k.id = s.customer_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(n.events), 0) AS events FROM billing_counter n WHERE n.period_id = p.id) c
LEFT JOIN billing_thresholdcheck l ON l.period_id = p.id
WHERE p.state = 'open' AND p.kind = 'regular' AND c.events <> coalesce(l.events, 0)
    AND (k.billed_each IS NOT NULL OR EXISTS (
        SELECT FROM plans_billingthreshold t WHERE t.version_id = p.version_id AND t.currency = s.currency)
    OR EXISTS (SELECT FROM plans_price r JOIN plans_planfeature f ON f.id = r.plan_feature_id
        WHERE f.version_id = p.version_id AND r.currency = s.currency AND r.billed_each IS NOT NULL))
    AND p.starts_at <= %(at)s AND p.ends_at > %(at)s AND {in_time}
ORDER BY p.id LIMIT %(limit)s
"""
_SAVE_CHECK = """
INSERT INTO billing_thresholdcheck AS l (period_id, events) VALUES (%s, %s)
ON CONFLICT (period_id) DO UPDATE SET events = excluded.events
"""
_COUNT_EARLIER_INVOICES = "SELECT count(*) FROM invoices_invoice WHERE reference LIKE %s"


def bill_reached_thresholds(*, at: datetime, clock_id: int | None = None, limit: int = 1_000) -> int:
    """
    Issue an invoice for each running period whose usage has reached a threshold, and return how many.

    clock_id: limit to customers on this test clock; None means real time. A period that another transaction holds is
        left for the next run.
    """
    with connection.cursor() as cursor:
        # Most installations have no thresholds; then the candidates, which read counters, are skipped.
        cursor.execute(_ANY_THRESHOLD)
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_CANDIDATES.format(in_time=clock_sql(clock_id, "k.id")), {"at": at, "limit": limit})
        waiting = cursor.fetchall()
    return sum(
        _bill_if_reached(period_id, int(events), custom_threshold, at=at)
        for period_id, events, custom_threshold in waiting
    )


@transaction.atomic
def _bill_if_reached(period_id: int, events: int, custom_threshold: Decimal | None, *, at: datetime) -> bool:
    """Compare one period with its thresholds, and bill it if it reached one since the last invoice."""
    # A period that ingest or a close holds is checked by the next run.
    open_period = Period.objects.filter(pk=period_id, state=PeriodState.OPEN).only("pk")
    if lock_free_row(open_period, no_key=False) is None:
        return False
    # Stored even if no threshold is reached, so that the next runs skip the period until more events arrive.
    sql.execute(_SAVE_CHECK, [period_id, events])
    mark = read_high_water_mark()
    due = read_due_periods([period_id])[period_id]
    # Usage carried over from a period that isn't billed yet has no final amount.
    if due.span.continued == NOT_BILLED_YET or due.buyer.seller_id in _locked_seller_ids(due, at):
        return False
    seller = read_sellers([due.buyer.seller_id])[due.buyer.seller_id]
    invoice = assemble_threshold_invoice(due, seller, _thresholds(due, custom_threshold), at=at)
    if invoice is None:
        return False
    write_invoice_rows([invoice], high_water_mark=mark)
    issue([invoice.draft], at=at)
    return True


def _locked_seller_ids(due: DuePeriod, at: datetime) -> Sequence[int]:
    return [] if due.buyer.sandbox else list(find_locked_sellers([due.buyer.seller_id], at=at))


def _thresholds(due: DuePeriod, custom_threshold: Decimal | None) -> Sequence[SpendThreshold]:
    """Return the customer's own threshold, or else those of the version."""
    span = due.span
    return (
        [SpendThreshold(custom_threshold, repeats=True)]
        if custom_threshold is not None
        else load_terms(span.version_id, span.currency).thresholds
    )


def assemble_threshold_invoice(
    due: DuePeriod, seller: SellerTerms, thresholds: Sequence[SpendThreshold], *, at: datetime
) -> AssembledInvoice | None:
    """
    Return the invoice for a period's usage beyond the billed amount: all of it if it has reached another threshold,
    else that of the prices which are billed in advance.
    """
    span = due.span
    counters = read_counters([span.period_id]).get(span.period_id, {})
    usage = read_rating_inputs([span]).complete(span, counters, at=at)
    features = line_templates(usage.span).features
    early = {
        window: counted
        for window, counted in usage.counters.items()
        if (feature := features.get(window.plan_feature_id)) is not None and is_billed_early(feature)
    }
    billed = read_billed_amounts([span.period_id]).get(span.period_id, {})
    late_period = LatePeriod(usage.span, early, span.starts_at, billed)
    rated = usage_differences(late_period, due.buyer, seller, kind="progressive", suffix=" (so far)", supplied_at=at)
    by_feature: dict[int, list[UsageDifference]] = {}
    for difference in rated:
        plan_feature_id = difference.snapshot.window.plan_feature_id
        if is_billed_early(features[plan_feature_id]):
            by_feature.setdefault(plan_feature_id, []).append(difference)
    billed_before = exact_sum(billed_amount.amount for billed_amount in billed.values())
    if not _reaches(thresholds, billed_before, chain.from_iterable(by_feature.values())):
        by_feature = {
            plan_feature_id: differences
            for plan_feature_id, differences in by_feature.items()
            if _is_due_in_advance(features[plan_feature_id], billed, differences)
        }
    differences = list(chain.from_iterable(by_feature.values()))
    if not any(difference.amount for difference in differences):
        return None
    lines = [_ending_at(difference.line, difference.snapshot, at) for difference in differences]
    draft = _threshold_draft(due, seller, [line for line, _ in lines], at=at)
    return AssembledInvoice(draft, [snapshot for _, snapshot in lines])


def _reaches(
    thresholds: Sequence[SpendThreshold], billed_before: Decimal, differences: Iterable[UsageDifference]
) -> bool:
    """Return whether these differences reach another threshold, and none is a decrease, which the close credits."""
    amounts = [difference.amount for difference in differences]
    amount_now = EXACT.add(billed_before, exact_sum(amounts))
    is_reached = count_reached(thresholds, amount_now) > count_reached(thresholds, billed_before)
    return is_reached and all(amount >= 0 for amount in amounts)


def _is_due_in_advance(feature: FeatureTerms, billed: BilledAmounts, differences: Sequence[UsageDifference]) -> bool:
    """Return whether a feature's usage is due before the period ends."""
    if feature.billed_each is None:
        return False
    if not feature.billed_each:
        return all(difference.amount >= 0 for difference in differences)
    billed_before = exact_sum(
        billed_amount.amount
        for (window, _), billed_amount in billed.items()
        if window.plan_feature_id == feature.plan_feature_id
    )
    return _reaches([SpendThreshold(feature.billed_each, repeats=True)], billed_before, differences)


def is_billed_early(feature: FeatureTerms) -> bool:
    """
    Return whether a feature's usage can be billed before its period is over, because its count is final at any time.

    Levels and maximum values are only known at the end, and so is the effect of a minimum or maximum. Distinct values
    are billed early only where the price asks for it, since a value may leave otherwise.
    """
    price = feature.price
    only_grows = not feature.metering.needs_aggregate_state or feature.billed_each is not None
    is_sum = only_grows and not feature.spans_periods and not feature.wallet
    return is_sum and price is not None and not price.is_bounded and not price.reads_values


def _ending_at(line: DraftLine, snapshot: UsageSnapshot, at: datetime) -> tuple[DraftLine, UsageSnapshot]:
    line = msgspec.structs.replace(line, service_end=at)
    return line, msgspec.structs.replace(snapshot, line=line)


def _threshold_draft(due: DuePeriod, seller: SellerTerms, lines: Sequence[DraftLine], *, at: datetime) -> Draft:
    span, buyer = due.span, due.buyer
    # The period is locked, so two runs can't count the same number and use one reference twice.
    ((earlier,),) = sql.fetch_rows(_COUNT_EARLIER_INVOICES, [f"progress:{span.period_id}:%"])
    draft = Draft(
        reference=f"progress:{span.period_id}:{earlier + 1}",
        seller_id=seller.id,
        customer_id=buyer.customer_id,
        sandbox=buyer.sandbox,
        currency=span.currency,
        period_start=span.starts_at,
        period_end=at,
        seller_facts=seller.facts,
        buyer_facts=buyer.facts,
        seller_zone=seller.zone_name,
        net_days=seller.net_days_for(buyer),
        includes_tax=load_terms(span.version_id, span.currency).includes_tax,
        purchase_order=buyer.purchase_order,
        lines=list(lines),
    )
    draft.total_up()
    return draft
