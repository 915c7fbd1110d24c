"""A document before it is written: what assembling returns, previews show and issuing stores."""

from datetime import datetime
from decimal import Decimal

import msgspec

from invoices.documents.totals import Taxes, Totals, total_up


class DraftLine(msgspec.Struct, gc=False):
    """
    One claim. amount: rounded to the minor unit. explanation: JSON, as docs/closing.md describes it.

    corrects_line_id: on a credit note, the line that it takes back some of.
    subject: what coupons know it by: feature:<code> or fee:<code>; empty where only those for everything take it.
    id: given when it is written; 0 until then.
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
    """What a coupon's line takes off another line of the same document."""

    coupon: DraftLine
    line: DraftLine
    amount: Decimal


class DraftSection(msgspec.Struct, frozen=True):
    """Lines of a document under a heading: what they bill, and their positions, the first of which is 1."""

    reference: str
    name: str
    first_line: int
    last_line: int


class Draft(msgspec.Struct):
    """
    A document to issue, with everything that is copied onto it.

    seller_facts, buyer_facts: JSON objects of both parties as they are now; of a correction, as they were.
    corrects_id: the invoice that it corrects. reason, credit_to: of a credit note, why, and where its money goes.
    own_net_days: its net days, where they were said for it alone. includes_tax: whether its lines' amounts include
    tax. is_stored: whether it is in the database as a draft, under its id, which it then keeps.
    sections: of one that bills several subscriptions, whose lines are which; of others, none.
    credit_notes: of a preview, those that would be issued along with it.
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
        """Bring the totals up to date with the lines."""
        claims = [(line.amount, *line.taxes) for line in self.lines]
        self.totals = total_up(claims, self.currency, includes_tax=self.includes_tax)

    def net_of(self, line: DraftLine) -> Decimal:
        """Return what its coupons leave of a line."""
        return line.amount - sum((share.amount for share in self.shares if share.line is line), Decimal(0))

    @property
    def is_zero(self) -> bool:
        """Tell whether it claims nothing at all: lines that outweigh each other are something."""
        return not any(line.amount for line in self.lines)
