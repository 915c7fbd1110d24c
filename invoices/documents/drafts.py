"""Invoices and credit notes before they are written: assembled, previewed, then issued."""

from datetime import datetime
from decimal import Decimal

import msgspec

from invoices.amounts.totals import TaxedAmount, Taxes, Totals, total_up


class DraftLine(msgspec.Struct, gc=False):
    """
    A line to bill. amount: rounded to the minor unit. explanation: JSON, described in docs/closing.md.

    corrects_line_id: on a credit note, the line that it credits.
    subject: the line's name for coupons, feature:<code> or fee:<code>; empty if only unrestricted coupons apply.
    id: assigned when it is written; 0 until then.
    """

    kind: str
    description: str
    service_start: datetime
    service_end: datetime
    quantity: Decimal
    unit: str
    amount: Decimal
    taxes: Taxes
    explanation: bytes
    plan_feature_id: int | None = None
    rate_id: int | None = None
    fee_id: int | None = None
    corrects_line_id: int | None = None
    subject: str = ""
    id: int = 0


class DraftShare(msgspec.Struct, gc=False):
    """The amount that a coupon's line takes off another line of the same invoice."""

    coupon: DraftLine
    line: DraftLine
    amount: Decimal


class DraftSection(msgspec.Struct, frozen=True):
    """Lines under a heading: the reference that they bill, and their positions, counted from 1."""

    reference: str
    name: str
    first_line: int
    last_line: int


class Draft(msgspec.Struct):
    """
    An invoice or credit note to issue, with all facts that are copied onto it.

    seller_facts, buyer_facts: JSON objects with the current details of both parties; of a correction, the original
    ones.
    corrects_id: the invoice that it corrects. reason, credit_to: of a credit note, why, and where its money goes.
    own_net_days: net days agreed for this invoice alone. includes_tax: whether the lines' amounts include tax.
    is_stored: whether the database has it as a draft under its id, which it keeps.
    sections: the lines of each subscription, if it bills several; otherwise empty.
    credit_notes: in a preview, the credit notes that would be issued along with it.
    """

    reference: str
    seller_id: int
    customer_id: int
    sandbox: bool
    currency: str
    period_start: datetime
    period_end: datetime
    seller_facts: bytes
    buyer_facts: bytes
    seller_zone: str
    net_days: int
    own_net_days: int | None = None
    includes_tax: bool = False
    purchase_order: str = ""
    note: str = ""
    kind: str = "invoice"
    corrects_id: int | None = None
    reason: str = ""
    credit_to: str = ""
    lines: list[DraftLine] = msgspec.field(default_factory=list)
    shares: list[DraftShare] = msgspec.field(default_factory=list)
    sections: list[DraftSection] = msgspec.field(default_factory=list)
    totals: Totals = msgspec.field(default_factory=Totals)
    credit_notes: list["Draft"] = msgspec.field(default_factory=list)
    id: int = 0
    is_stored: bool = False

    def total_up(self) -> None:
        """Update the totals from the lines."""
        taxed_amounts: list[TaxedAmount] = [(line.amount, *line.taxes) for line in self.lines]
        self.totals = total_up(taxed_amounts, self.currency, includes_tax=self.includes_tax)

    def net_of(self, line: DraftLine) -> Decimal:
        """Return a line's amount after its coupons."""
        return line.amount - sum((share.amount for share in self.shares if share.line is line), Decimal(0))

    @property
    def is_zero(self) -> bool:
        """Whether every line is zero; lines that offset each other don't count as zero."""
        return not any(line.amount for line in self.lines)
