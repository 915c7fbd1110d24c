"""
Records of a close: rows read under the periods' locks, without Django.

Structs, because a close creates about twenty of these per subscription, and a struct costs a fifth of a dataclass.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple, Self

import msgspec

from billing.metering.rating_inputs.rating_period import (
    BillablePeriod,
    Counters,
    CounterState,
    CounterWindow,
    RatingPeriod,
)
from invoices.amounts.totals import Taxes
from invoices.documents.drafts import Draft, DraftLine
from invoices.tax.buyer_details import Buyer
from lib.decimals import EXACT, ZERO, exact_sum
from lib.money import round_money
from plans.catalog.stored_terms import FeatureTerms
from plans.pricing.commitments import CommitmentSettlement, SpendCommitment, settle_commitment
from plans.pricing.quantity_segments import QuantityChange

FEATURE_SUBJECT = "feature:"
"""Prefix of the subject of a usage line, which the code of its feature follows."""


class BilledUsageLine(NamedTuple):
    """
    A line that billed a counter.

    amount: as printed. net: after coupons. uncredited: the part of `net` that credit notes have not taken back yet.
    """

    invoice_id: int
    line_id: int
    amount: Decimal
    net: Decimal
    uncredited: Decimal


class BilledAmount(NamedTuple):
    """
    The amount billed for one counter so far, and the counter's state when the last line was billed.

    amount: the lines' amounts less those that credit notes took back because of usage. lines: the latest first.
    waived: the part of `amount` that usage no longer justified at the last line and that was not credited, because a
        coupon or a manual credit had covered it.
    """

    amount: Decimal
    counted: CounterState
    lines: tuple[BilledUsageLine, ...] = ()
    waived: Decimal = Decimal(0)


BilledAmounts = Mapping[tuple[CounterWindow, int], BilledAmount]
"""(window, rate) → the amount billed."""


class LatePeriod(BillablePeriod, frozen=True):
    """A closed period that has received usage since; `billed`: (window, rate) → the amount billed."""

    late_since: datetime
    billed: BilledAmounts


class CommitmentWindow(NamedTuple):
    """
    The part of a commitment cycle that has a minimum of its own: a usage window, or all of the cycle.

    share: the share of the minimum that is due for it. spent: usage billed, and paid usage drawn from wallets.
    """

    share: Fraction
    spent: Decimal = Decimal(0)


class CommitmentCycle(msgspec.Struct, frozen=True):
    """
    A commitment over the periods it covers, and the amounts billed for it so far: docs/closing.md#commitments.

    windows: start → window. A commitment per usage window has one for each; any other has a single one.
    is_over: whether all of its periods are billed.
    true_up, surcharge: lines of that kind billed.
    """

    commitment: SpendCommitment
    currency: str
    starts_at: datetime
    windows: Mapping[datetime, CommitmentWindow]
    is_over: bool
    true_up: Decimal = Decimal(0)
    surcharge: Decimal = Decimal(0)

    def window_of(self, line: DraftLine, usage_window: datetime) -> datetime | None:
        """Return the start of the window that a usage line counts toward; None if it does not count."""
        if not self.commitment.covers(line.subject.removeprefix(FEATURE_SUBJECT)):
            return None
        return usage_window if self.commitment.per_window else self.starts_at

    def with_spend(self, spends: Iterable[tuple[datetime, Decimal]]) -> Self:
        """Return the cycle with these amounts added to the spend of its windows."""
        windows = dict(self.windows)
        for start, amount in spends:
            window = windows[start]
            windows[start] = window._replace(spent=EXACT.add(window.spent, amount))
        return msgspec.structs.replace(self, windows=windows)

    def settle(self) -> dict[datetime, CommitmentSettlement]:
        """Return the settlement of each window with its spend so far."""
        return {
            start: settle_commitment(
                self.commitment,
                spent=window.spent,
                currency=self.currency,
                share=window.share,
                is_final=self.is_over,
            )
            for start, window in self.windows.items()
        }

    @property
    def share(self) -> Fraction:
        """The shares of all windows together."""
        return sum((window.share for window in self.windows.values()), Fraction(0))

    @property
    def spent(self) -> Decimal:
        """The spend of all windows."""
        return exact_sum(window.spent for window in self.windows.values())


class InvoiceCoupon(NamedTuple):
    """
    A coupon that applies to an invoice: a percentage, or an amount in its currency.

    scope: subjects of the lines it applies to; empty for all lines.
    coupon_period: of a customer's coupon, the number of the coupon period that the invoice belongs to.
    carries_over: whether an amount left in a coupon period is added to the next one.
    left: of a customer's fixed coupon, the amount that other invoices have left for this one.
    """

    redemption_id: int
    code: str
    name: str
    percent: Decimal | None
    amount: Decimal | None
    scope: frozenset[str]
    coupon_period: int | None = None
    carries_over: bool = False
    left: Decimal | None = None

    @property
    def is_shared(self) -> bool:
        """Whether several invoices share its amount."""
        return self.coupon_period is not None and self.amount is not None


class CouponLineDraft(NamedTuple):
    """A line of a coupon before it is written. period_id: the invoice's period."""

    line: DraftLine
    redemption_id: int
    period_id: int
    coupon_period: int | None


class BilledFee(msgspec.Struct, frozen=True):
    """
    A line that billed a fee for a period, or for several. quantity: units on the line.

    net: the amount after coupons, which is the most that can be credited. credited: the part of it already credited.
    line_id, invoice_id: 0 as long as they are not written.
    """

    amount: Decimal
    net: Decimal
    quantity: Decimal
    service_start: datetime
    service_end: datetime
    taxes: Taxes
    line_id: int = 0
    invoice_id: int = 0
    credited: Decimal = ZERO

    def credit_for(self, amount: Decimal, currency: str) -> Decimal:
        """
        Return the credit for a part of the fee that is no longer due, negative as `amount` is.

        It is proportional to the invoiced amount, and never more than is left to credit.
        """
        return max(self.net_share_of(amount, currency), min(EXACT.subtract(self.credited, self.net), ZERO))

    def net_share_of(self, amount: Decimal, currency: str) -> Decimal:
        """Return a part of the fee as it was invoiced, after coupons."""
        return round_money(Fraction(amount) * Fraction(self.net) / Fraction(self.amount), currency)


class DuePeriod(msgspec.Struct, frozen=True, kw_only=True):
    """
    A period with its subscription, its customer and its next period, as they were read under the period's lock.

    is_first: whether the subscription's first fees are for this period.
    subscription_continues: whether the subscription has time left after it.
    next_period: the subscription's next period, whose fees are due in advance; None if there is none (yet).
    is_split: whether a plan change ended it: the next period continues it, or restarts the billing period.
    settles: how a difference to the fees billed in advance is settled, if they are recalculated: see Period.
    subscription_ends_at: if known.
    is_partly_billed: whether threshold billing has already billed part of its usage.
    consolidates_at: its due time, if its customer wants consolidated invoices; else None. subscription_name: the
        subscription's name in that case.
    """

    span: RatingPeriod
    kind: str
    subscription_id: int
    is_first: bool
    subscription_continues: bool
    next_period: RatingPeriod | None
    buyer: Buyer
    is_split: bool
    settles: str
    subscription_ends_at: datetime | None
    is_partly_billed: bool
    consolidates_at: datetime | None
    subscription_name: str

    @property
    def credits_unused_time(self) -> bool:
        """Whether amounts paid in advance for time that was cut off are credited."""
        return self.is_split or self.credits_beyond_end

    @property
    def credits_beyond_end(self) -> bool:
        """Whether a cancellation or a pause credits amounts paid for time after its start."""
        return self.settles in ("balance", "refund")

    @property
    def changes_version(self) -> bool:
        """Whether the next period has another version."""
        return self.next_period is not None and self.next_period.version_id != self.span.version_id

    @property
    def keeps_version(self) -> bool:
        """Whether the next period continues with its version."""
        return self.next_period is not None and not self.changes_version and not self.credits_beyond_end

    @property
    def is_opening_or_trial(self) -> bool:
        """Whether the period has no fees of its own, and the next one starts over: an opening period or a trial."""
        return self.kind == "opening" or self.span.is_trial


class FeeHistory(NamedTuple):
    """
    The earlier fees that a period's fees depend on; empty unless its version or the next has quantity fees or
    multi-period fees, or its end has changed.

    quantity_changes: fee code → units by time.
    billed_fees: fee → the fee as billed in advance of this period, or of several that include it; for a fee in
        arrears, the last billed line.
    blocking_period_id: the period before, if it is open and its invoice bills in advance the fees that this one
        settles.
    version_since: for multi-period fees, since when consecutive periods have used its version.
    settles: for multi-period fees, how a cancellation or a pause settles amounts billed beyond its start.
    """

    quantity_changes: Mapping[str, tuple[QuantityChange, ...]] = MappingProxyType({})
    billed_fees: Mapping[int, BilledFee] = MappingProxyType({})
    blocking_period_id: int | None = None
    version_since: datetime | None = None
    settles: str = ""


NO_FEE_HISTORY = FeeHistory()


def no_levels(span: RatingPeriod, feature: FeatureTerms, rate_id: int) -> Mapping[str, object]:
    """Return no workings: invoices of late usage list no levels."""
    return {}


class PeriodToClose(DuePeriod, frozen=True, kw_only=True):
    """
    A period to close, with everything that its invoice depends on. It is complete from the start and never changes.

    fees: the earlier fees that its own depend on.
    counters: its usage. billed_amounts: the part of it that threshold billing has already billed.
    late_periods: those that its invoice bills, too.
    commitments: period → commitment cycle, for this period and the late ones, as far as they have a commitment.
    coupons: those that apply to the invoice, in order of application.
    level_workings: returns the levels of a feature's rate, as fields of the workings of its line.
    is_final: False if usage may follow, so that no minimum is due yet: for the books, which rate it in between.
    """

    fees: FeeHistory
    counters: Counters
    billed_amounts: BilledAmounts
    late_periods: tuple[LatePeriod, ...]
    commitments: Mapping[int, CommitmentCycle]
    coupons: tuple[InvoiceCoupon, ...]
    level_workings: Callable[[RatingPeriod, FeatureTerms, int], Mapping[str, object]]
    is_final: bool = True

    @classmethod
    def of(
        cls,
        due: DuePeriod,
        *,
        usage: BillablePeriod | None = None,
        fees: FeeHistory = NO_FEE_HISTORY,
        billed_amounts: BilledAmounts = MappingProxyType({}),
        late_periods: tuple[LatePeriod, ...] = (),
        commitments: Mapping[int, CommitmentCycle] = MappingProxyType({}),
        coupons: tuple[InvoiceCoupon, ...] = (),
        level_workings: Callable[[RatingPeriod, FeatureTerms, int], Mapping[str, object]] = no_levels,
    ) -> Self:
        """Return a due period with these inputs; it has none of those that are left out."""
        facts = {name: getattr(due, name) for name in DuePeriod.__struct_fields__}
        if usage is not None:
            facts["span"] = usage.span
        return cls(
            **facts | {"settles": fees.settles or due.settles},
            fees=fees,
            counters=usage.counters if usage else {},
            billed_amounts=billed_amounts,
            late_periods=late_periods,
            commitments=commitments,
            coupons=coupons,
            level_workings=level_workings,
        )

    @property
    def as_late_period(self) -> LatePeriod | None:
        """The period as a late one, if part of its usage is billed already."""
        return (
            LatePeriod(self.span, self.counters, self.span.starts_at, self.billed_amounts)
            if self.billed_amounts
            else None
        )


class UsageSnapshot(msgspec.Struct, frozen=True, gc=False):
    """
    The exact usage that a line bills: the counter's state when the line was created.

    earlier: usage of the same window in earlier periods, as JSON, if the window continues from them.
    corrects_line_id: for a usage credit, the line it takes back; 0 for a charge.
    """

    line: DraftLine
    period_id: int
    window: CounterWindow
    rate_id: int
    counted: CounterState
    earlier: bytes | None = None
    corrects_line_id: int = 0


class UsageCredit(msgspec.Struct, frozen=True, gc=False):
    """
    An amount to take back of a billed line because its usage now costs less; for a credit note of its invoice.

    snapshot: the counter as of now.
    """

    billed_line: BilledUsageLine
    amount: Decimal
    snapshot: UsageSnapshot


class AssembledInvoice(msgspec.Struct):
    """
    The invoice of a period before it is written.

    draft: shared by all periods of a consolidated invoice (consolidated_invoices.py).
    settlements: lines that settle a commitment, each with the period it is settled for.
    leaves_usage_late: whether lines are deferred to a later invoice, as if their usage had arrived late.
    commitments: period → commitment cycle, including the amounts that this invoice bills.
    blocking_period_id: a period whose invoice must be issued first, because this one settles fees that it bills.
    fee_reductions: fee → the fee as billed and the reducing line, left to a credit note: for an invoice that would
        otherwise be negative, and for a shortened period. refunds_customer: whether that amount is refunded.
    usage_credits: amounts that credit notes must take back, because the rest of the invoice doesn't outweigh them.
    late_billed: late periods that the invoice and its credit notes settle. late_left: those that stay late, because
        their amount is negative and no line can take it back.
    """

    draft: Draft
    snapshots: list[UsageSnapshot]
    commitments: dict[int, CommitmentCycle] = {}
    blocking_period_id: int | None = None
    settlements: list[tuple[DraftLine, int]] = []
    coupon_lines: list[CouponLineDraft] = []
    leaves_usage_late: bool = False
    fee_reductions: dict[int, tuple[BilledFee, DraftLine]] = {}
    refunds_customer: bool = False
    usage_credits: list[UsageCredit] = []
    late_billed: list[int] = []
    late_left: list[int] = []
