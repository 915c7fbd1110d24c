"""The inputs of the invoices of some periods, read in a fixed number of statements for any number of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from billing.closing.commitments.contract_state import CommitmentCycles, read_commitment_cycles
from billing.closing.lines.coupon_discounts import read_coupons
from billing.closing.lines.customer_coupons import TakenAmounts, read_taken_amounts
from billing.closing.lines.fee_histories import read_fee_histories
from billing.closing.period_reader import read_billed_amounts, read_late_periods
from billing.closing.records import (
    NO_FEE_HISTORY,
    BilledAmounts,
    BilledFee,
    DuePeriod,
    FeeHistory,
    InvoiceCoupon,
    LatePeriod,
    PeriodToClose,
)
from billing.metering.rating_inputs.level_workings import LevelChanges, read_level_changes
from billing.metering.rating_inputs.period_loader import RatingInputs, read_counters, read_rating_inputs
from billing.metering.rating_inputs.rating_period import BillablePeriod, Counters


class InvoiceInputs(NamedTuple):
    """
    The inputs of the invoices of some periods; each field but `usage`, `cycles`, `taken` and `levels` by period.

    taken: the amounts that invoices have taken of customers' fixed coupons; those of this close are added to it.
    """

    counters: Mapping[int, Counters]
    usage: RatingInputs
    fees: Mapping[int, FeeHistory]
    billed_amounts: Mapping[int, BilledAmounts]
    late_periods: Mapping[int, tuple[LatePeriod, ...]]
    cycles: CommitmentCycles
    coupons: Mapping[int, tuple[InvoiceCoupon, ...]]
    levels: LevelChanges
    taken: TakenAmounts

    def fees_of(self, period_id: int) -> FeeHistory:
        """Return the earlier fees that a period's fees depend on."""
        return self.fees.get(period_id, NO_FEE_HISTORY)

    def complete(
        self,
        due: DuePeriod,
        *,
        at: datetime | None = None,
        billed_fees: Mapping[int, BilledFee] | None = None,
        usage: BillablePeriod | None = None,
    ) -> PeriodToClose:
        """
        Return a period with everything that its invoice depends on.

        at: the time up to which levels count; default: the period's end.
        billed_fees: the fees that an invoice not written yet bills in advance of it.
        usage: default: all of its usage.

        :raises NoRate: if the version's price has no rate for a level that is carried over.
        """
        period_id = due.span.period_id
        fees = self.fees_of(period_id)
        # Only regular periods have usage.
        if usage is None and due.kind == "regular":
            usage = self.usage.complete(due.span, self.counters.get(period_id, {}), at=at)
        return PeriodToClose.of(
            due,
            usage=usage,
            fees=fees if billed_fees is None else fees._replace(billed_fees=billed_fees),
            billed_amounts=self.billed_amounts.get(period_id, {}),
            late_periods=self.late_periods.get(period_id, ()),
            commitments=self.cycles.by_period.get(period_id, {}),
            coupons=self.taken.with_amounts_left(self.coupons.get(period_id, ())),
            level_workings=partial(self.levels.workings, stored=self.usage.states, at=at),
        )


def read_invoice_inputs(
    due_periods: Mapping[int, DuePeriod], late_period_ids: Mapping[int, Sequence[int]]
) -> InvoiceInputs:
    """
    Read the inputs of the invoices of these periods.

    late_period_ids: subscription → its late periods, billed by its first regular period.
    """
    ids = list(due_periods)
    counters = read_counters(ids)
    late_periods = _late_periods_by_invoice(due_periods, late_period_ids)
    billed_amounts = read_billed_amounts([id_ for id_, due in due_periods.items() if due.is_partly_billed])
    spans = [due.span for due in due_periods.values() if due.kind == "regular"]
    coupons = read_coupons(ids)
    return InvoiceInputs(
        counters=counters,
        usage=read_rating_inputs(spans),
        fees=read_fee_histories(due_periods.values()),
        billed_amounts=billed_amounts,
        late_periods=late_periods,
        cycles=read_commitment_cycles(due_periods.values(), late=late_periods, billed_amounts=billed_amounts),
        coupons=coupons,
        taken=read_taken_amounts(coupons),
        levels=read_level_changes(spans),
    )


def with_late_usage(
    due_periods: Iterable[DuePeriod], late_period_ids: Mapping[int, Sequence[int]]
) -> list[PeriodToClose]:
    """
    Return these periods with their subscriptions' late periods and the commitments of those, for a bill of late usage
    alone: usage and fees of their own are left out.
    """
    by_id = {due.span.period_id: due for due in due_periods}
    late_periods = _late_periods_by_invoice(by_id, late_period_ids)
    cycles = read_commitment_cycles(by_id.values(), late=late_periods).by_period
    return [
        PeriodToClose.of(due, late_periods=late_periods.get(id_, ()), commitments=cycles.get(id_, {}))
        for id_, due in by_id.items()
    ]


def _late_periods_by_invoice(
    due_periods: Mapping[int, DuePeriod], late_period_ids: Mapping[int, Sequence[int]]
) -> dict[int, tuple[LatePeriod, ...]]:
    """Return period → the late periods that its invoice bills, in order of time."""
    late_periods = read_late_periods([id_ for ids in late_period_ids.values() for id_ in ids])
    unassigned = dict(late_period_ids)
    late_by_invoice = {}
    for id_, due in due_periods.items():
        if due.kind == "regular" and (ids := unassigned.pop(due.subscription_id, None)):
            late_by_invoice[id_] = tuple(sorted((late_periods[late_id] for late_id in ids), key=_start))
    return late_by_invoice


def _start(late_period: LatePeriod) -> datetime:
    return late_period.span.starts_at
