"""
The earnings of closed periods by a time, from their usage and the lines that bill it.

Their coupons are spent, so an amount without a line counts at the ratio of net to amount on the lines of its feature.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from billing.closing.batch import describe_error
from billing.closing.invoice_assembly import late_lines
from billing.closing.invoice_inputs import with_late_usage
from billing.closing.lines.late_usage_lines import usage_differences
from billing.closing.period_reader import read_billed_amounts, read_due_periods
from billing.closing.records import LatePeriod
from billing.metering.rating_inputs.rating_period import RatingPeriod
from billing.revenue.accruals.earned_amounts import EarnedAmounts
from billing.revenue.accruals.line_schedules import before_tax
from billing.simulation.usage_sources.earlier_usage import count_until
from invoices.amounts.line_net import line_net_sql
from invoices.documents.drafts import DraftLine
from invoices.documents.seller_terms import read_sellers
from lib import sql
from lib.money import round_money
from plans.catalog.stored_terms import load_terms

_BILLED = f"""
SELECT b.period_id, b.plan_feature_id, sum({line_net_sql("l")}), sum(l.amount)
FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id JOIN invoices_invoice i ON i.id = l.invoice_id
WHERE b.period_id = ANY(%(ids)s) AND b.corrects_line_id = 0
    AND i.issued_at >= coalesce(%(since)s::timestamptz, '-infinity')
GROUP BY 1, 2 HAVING sum(l.amount) <> 0
"""  # noqa: S608


def rate_usage_until(
    period_ids: Sequence[int], *, until: datetime
) -> tuple[dict[int, EarnedAmounts], dict[int, str]]:
    """
    Return the usage of closed periods by a time within them, beyond the lines issued by then, and of each period that
    can't be rated why. It moves revenue that lines count at the periods' ends.
    """
    due_periods = read_due_periods(period_ids) if period_ids else {}
    if not due_periods:
        return {}, {}
    usage = count_until(due_periods, until=until)
    billed, ratios = read_billed_amounts(period_ids, until=until), _read_ratios(period_ids, since=until)
    sellers = read_sellers({due.buyer.seller_id for due in due_periods.values()})
    amounts, errors = {}, {}
    for id_, due in due_periods.items():
        span, counters = usage[id_].span, usage[id_].counters
        late_period = LatePeriod(span, counters, span.starts_at, billed.get(id_, {}))
        seller = sellers[due.buyer.seller_id]
        try:
            lines = [
                difference.line
                for difference in usage_differences(
                    late_period, due.buyer, seller, kind="usage", suffix="", is_final=False
                )
            ]
            amounts[id_] = _add_up(lines, span, ratios, is_uninvoiced=False)
        # Any error: one period that can't be rated must not stop the others.
        except Exception as error:
            errors[id_] = describe_error(error)
    return amounts, errors


def rate_late_usage(period_ids: Sequence[int]) -> tuple[dict[int, EarnedAmounts], dict[int, str]]:
    """Return the amounts that late usage of closed periods adds, and of each that can't be rated why."""
    due_periods = read_due_periods(period_ids) if period_ids else {}
    if not due_periods:
        return {}, {}
    ids_by_subscription: dict[int, list[int]] = {}
    for id_, due in due_periods.items():
        ids_by_subscription.setdefault(due.subscription_id, []).append(id_)
    ratios = _read_ratios(period_ids, since=None)
    sellers = read_sellers({due.buyer.seller_id for due in due_periods.values()})
    amounts, errors = {}, {}
    # Any late period of a subscription serves: only buyer, seller and contract are read from it.
    first_periods = [due_periods[ids[0]] for ids in ids_by_subscription.values()]
    for closing in with_late_usage(first_periods, ids_by_subscription):
        seller, cycles = sellers[closing.buyer.seller_id], dict(closing.commitments)
        for late_period in closing.late_periods:
            id_ = late_period.span.period_id
            try:
                lines = late_lines(late_period, closing, seller, cycles)
                amounts[id_] = _add_up(lines, late_period.span, ratios, is_uninvoiced=True)
            except Exception as error:
                errors[id_] = describe_error(error)
    return amounts, errors


Ratios = Mapping[tuple[int, int | None], Fraction]
"""(period, plan feature) → the ratio of net to amount on its usage lines."""


def _read_ratios(period_ids: Sequence[int], *, since: datetime | None) -> Ratios:
    """Return the ratios on the lines that were issued at `since` or later; None for all lines."""
    rows = sql.fetch_rows(_BILLED, {"ids": list(period_ids), "since": since})
    return {
        (period_id, plan_feature_id): Fraction(net) / Fraction(amount)
        for period_id, plan_feature_id, net, amount in rows
    }


def _add_up(lines: Iterable[DraftLine], span: RatingPeriod, ratios: Ratios, *, is_uninvoiced: bool) -> EarnedAmounts:
    """Return the net amounts of lines of a period before tax. A decrease takes back net amounts, so it is net."""
    earned, includes_tax = EarnedAmounts(), load_terms(span.version_id, span.currency).includes_tax
    for line in lines:
        ratio = ratios.get((span.period_id, line.plan_feature_id), Fraction(1)) if line.amount > 0 else Fraction(1)
        net: Decimal = round_money(Fraction(line.amount) * ratio, span.currency)
        earned.add(line, before_tax(net, line, span.currency, includes_tax=includes_tax), is_uninvoiced=is_uninvoiced)
    return earned
