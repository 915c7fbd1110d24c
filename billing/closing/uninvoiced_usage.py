"""Usage that is not invoiced yet, as the invoices of its periods would bill it: docs/wallets.md#ongoing-balance."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from billing.closing.preview import preview, preview_periods
from billing.models import Period
from billing.models.periods import PeriodKind, PeriodState
from invoices.amounts.totals import TaxedAmount, total_up
from invoices.documents.drafts import Draft
from invoices.models.invoices import BILLS_USAGE, LineKind
from lib.decimals import EXACT, ZERO

USAGE_KINDS = (*BILLS_USAGE, LineKind.SURCHARGE)
"""Kinds of lines that bill usage; fees and true-ups are not owed until their invoice is issued."""


def read_uninvoiced_usage(*, customer_ids: Collection[int], at: datetime) -> dict[tuple[int, int, str], Decimal]:
    """
    Return (customer, seller, currency) → the usage that is not invoiced yet, after coupons and with tax.

    It is the usage on the previews of all periods that have begun and are not closed, so the amounts that invoices at
    thresholds have billed are deducted already. A period that can't be rated counts as zero; its error is on the
    closing page.
    """
    periods = Period.objects.filter(
        subscription__customer__in=customer_ids, kind=PeriodKind.REGULAR, state=PeriodState.OPEN, starts_at__lte=at
    )
    period_ids = list(periods.order_by("starts_at", "pk").values_list("pk", flat=True))
    if not period_ids:
        return {}
    amounts: dict[tuple[int, int, str], Decimal] = {}
    for draft in _preview_each(period_ids, at=at):
        key = draft.customer_id, draft.seller_id, draft.currency
        amounts[key] = EXACT.add(amounts.get(key, ZERO), usage_total(draft))
    return amounts


def usage_total(draft: Draft) -> Decimal:
    """Return the part of an invoice's total that bills usage: its lines after coupons, with their tax."""
    amounts: list[TaxedAmount] = [
        (draft.net_of(line), *line.taxes) for line in draft.lines if line.kind in USAGE_KINDS
    ]
    return total_up(amounts, draft.currency, includes_tax=draft.includes_tax).total


def _preview_each(period_ids: list[int], *, at: datetime) -> list[Draft]:
    previewed = preview_periods(period_ids)
    failed_ids = {failure.period_id for failure in previewed.failed}
    # Periods that wait for the invoice of an earlier one, such as the part after a plan change in the same hour.
    waiting_ids = [id_ for id_ in period_ids if id_ not in previewed.drafts and id_ not in failed_ids]
    waiting = Period.objects.filter(pk__in=waiting_ids).exclude(subscription__periods__in=failed_ids)
    return [
        *(draft for draft in previewed.drafts.values() if draft is not None),
        *(preview(at=at, period=period) for period in waiting),
    ]
