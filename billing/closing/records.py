"""
What a close knows: rows read at one moment under the periods' locks, and nothing of Django.

Structs, since a close makes some twenty of these for each subscription, and they are a fifth as dear as dataclasses.
"""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec

from billing.metering.rating_inputs.period_counters import Counters, CounterState, RatingPeriod, UsageWindow
from invoices.documents.buyer_details import Buyer
from invoices.documents.drafts import Draft, DraftLine
from invoices.documents.totals import Taxes
from lib.decimals import EXACT, ZERO
from lib.money import round_money
from plans.pricing.commitments import SpendCommitment
from plans.pricing.quantity_segments import QuantityChange


class BilledUsageLine(NamedTuple):
    """
    A line that claimed something of a counter.

    amount: what it says. net: what coupons leave of it. left: of that, what credit notes have not taken back yet.
    """

    invoice_id: int
    line_id: int
    amount: Decimal
    net: Decimal
    uncredited: Decimal


class BilledAmount(NamedTuple):
    """
    What is claimed of one counter so far, and its state when the last line was billed.

    amount: the claims less what credit notes took back because of usage. claims: the lines, the latest first.
    given: of that amount, what usage did not come to any more by the last line, and a coupon or a person had given.
    """

    amount: Decimal
    counted: CounterState
    lines: tuple[BilledUsageLine, ...] = ()
    waived: Decimal = Decimal(0)


class LatePeriod(msgspec.Struct, frozen=True):
    """A closed period that usage has come to since; `billed` is what was claimed of it: (window, rate) → billed."""

    span: RatingPeriod
    late_since: datetime
    counters: Counters
    billed: dict[tuple[UsageWindow, int], BilledAmount]


class CommitmentCycle(msgspec.Struct):
    """
    A commitment over the periods that it is for, and what was claimed of it so far: docs/closing.md#commitments.

    share: of the whole of it, that its periods come to. is_over: whether all of them are billed.
    spent: what their usage has claimed. true_up, surcharge: what lines of that kind have claimed.
    """

    commitment: SpendCommitment
    currency: str
    starts_at: datetime
    share: Fraction
    is_over: bool
    spent: Decimal = Decimal(0)
    true_up: Decimal = Decimal(0)
    surcharge: Decimal = Decimal(0)


class InvoiceCoupon(NamedTuple):
    """
    A coupon that a document is for: a percentage, or an amount in its currency.

    scope: the subjects of the lines that it is for; all lines where empty.
    """

    redemption_id: int
    code: str
    name: str
    percent: Decimal | None
    amount: Decimal | None
    scope: frozenset[str]


class BilledFee(msgspec.Struct, frozen=True):
    """
    What a line has claimed of a period, or of several, for a fee. quantity: units held, as the line says.

    net: what coupons have left of the amount, which is what may be given back. credited: of that, by credit notes.
    line_id, invoice_id: where; 0 as long as neither is written.
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
        Return what a part of the claim comes to that is not due any more, below zero as `amount` is.

        It is in proportion to what was invoiced, and never more than credit notes have left of that.
        """
        return max(self.net_share_of(amount, currency), min(EXACT.subtract(self.credited, self.net), ZERO))

    def net_share_of(self, amount: Decimal, currency: str) -> Decimal:
        """Return a part of the claim as it was invoiced."""
        return round_money(Fraction(amount) * Fraction(self.net) / Fraction(self.amount), currency)


class PeriodToClose(msgspec.Struct):
    """
    A period to close, with all that its document depends on; usage is read, and filled in, after the rest.

    following: the subscription's next period, whose fees are due in advance; None where there is none (yet).
    is_first: whether the subscription's first fees are for this period. goes_on: whether it has time left after it.
    is_split: whether a plan change has ended it, and the following period continues it.
    settles: what becomes of a difference to what was claimed in advance of it, if that is reckoned anew: see Period.
    is_begun: whether progressive billing has claimed some of this period's usage already. billed: what.
    contracts: of this period and the late ones, as far as something was promised: period → contract.
    coupons: those that the document is for, in order of application.
    ends_at: of the subscription, as far as that is known.
    joins_at: when it is due, where its customer wants one document for what ends together; else None. name: the
    subscription's then.
    changes: fee code → how many units are held since when; claimed: fee → what was claimed of it in advance of this
    period, or of several with this among them; of a fee in arrears, what was claimed last. Only where its version or
    the following one's charges for what is held or for several periods; waits_for is then the period before it, where
    that is open: its document claims in advance what this one settles.
    runs_since: where a fee is for several periods, since when periods by its version have followed one another.
    """

    span: RatingPeriod
    kind: str
    subscription_id: int
    is_first: bool
    subscription_continues: bool
    next_period: RatingPeriod | None
    buyer: Buyer
    is_split: bool = False
    settles: str = ""
    quantity_changes: dict[str, tuple[QuantityChange, ...]] = {}
    billed_fees: dict[int, BilledFee] = {}
    blocking_period_id: int | None = None
    subscription_ends_at: datetime | None = None
    version_since: datetime | None = None
    counters: Counters = {}
    is_partly_billed: bool = False
    billed_amounts: dict[tuple[UsageWindow, int], BilledAmount] = {}
    late_periods: tuple[LatePeriod, ...] = ()
    consolidates_at: datetime | None = None
    subscription_name: str = ""
    commitments: dict[int, CommitmentCycle] = {}
    coupons: tuple[InvoiceCoupon, ...] = ()

    @property
    def as_late_period(self) -> LatePeriod | None:
        """The period as one that more usage has come to, where some of it is billed already."""
        return (
            LatePeriod(self.span, self.span.starts_at, self.counters, self.billed_amounts)
            if self.billed_amounts
            else None
        )

    @property
    def credits_unused_time(self) -> bool:
        """Whether what was paid in advance for time that was cut off is given back."""
        return self.is_split or self.credits_beyond_end

    @property
    def credits_beyond_end(self) -> bool:
        """Whether a cancellation or a pause gives back what was paid for longer than until its end."""
        return self.settles in ("balance", "refund")

    @property
    def changes_version(self) -> bool:
        """Whether the period that follows is by another version."""
        return self.next_period is not None and self.next_period.version_id != self.span.version_id

    @property
    def keeps_version(self) -> bool:
        """Whether its version goes on with the period that follows."""
        return self.next_period is not None and not self.changes_version and not self.credits_beyond_end

    @property
    def is_opening_or_trial(self) -> bool:
        """Whether no fees of its own are due, and what follows begins anew: an opening period, or a trial."""
        return self.kind == "opening" or self.span.is_trial


class UsageSnapshot(msgspec.Struct, frozen=True, gc=False):
    """
    Exactly which usage a line bills: the counter as it was when the line was made.

    earlier: what earlier periods of the same window had used then, as JSON, where it runs on from them.
    corrects_line_id: of a usage credit, the line whose claim it takes back; 0 for a claim.
    """

    line: DraftLine
    period_id: int
    window: UsageWindow
    rate_id: int
    counted: CounterState
    earlier: bytes | None = None
    corrects_line_id: int = 0


class UsageCredit(msgspec.Struct, frozen=True, gc=False):
    """
    What is to be taken back of a claim, since its usage comes to less by now; for a credit note of its invoice.

    of: the counter as it is now.
    """

    billed_line: BilledUsageLine
    amount: Decimal
    snapshot: UsageSnapshot


class AssembledInvoice(msgspec.Struct):
    """
    What a period comes to.

    settlements: lines that settle a commitment, each with the period that they settle it for.
    redeemed: lines of coupons, each with its redemption and the document's period.
    is_left: whether lines of it are left to a later document, as if their usage had come late.
    given_back: fee → what was claimed and its line, where what is given back is left to a credit note: of a document
    that would give back more than it claims, and of a period that is cut short. refunds: whether that goes back to
    the customer.
    credits: what credit notes have to take back, since the rest of the document does not outweigh it.
    draft: shared with others of its customer that it is joined with (joining.py).
    late_billed: the late periods that the document and the credit notes make good; late_left: those it leaves late,
    since they come to less than nothing and there is no line to take it back of.
    """

    draft: Draft
    snapshots: list[UsageSnapshot]
    settlements: list[tuple[DraftLine, int]] = []
    coupon_lines: list[tuple[DraftLine, int, int]] = []
    leaves_usage_late: bool = False
    fee_reductions: dict[int, tuple[BilledFee, DraftLine]] = {}
    refunds_customer: bool = False
    usage_credits: list[UsageCredit] = []
    late_billed: list[int] = []
    late_left: list[int] = []
