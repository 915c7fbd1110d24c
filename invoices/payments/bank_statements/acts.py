"""The booking of a bank line as an act that may need a second person: docs/approvals.md."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from access.approvals import Act, ActFacts
from access.models.approvals import ApprovalKind
from invoices.models import BankLine
from invoices.payments.bank_statements.bookings import (
    BankLineRefused,
    InvoiceShare,
    book_line,
    lock_line,
    lock_share_invoices,
)
from invoices.payments.manual_payments import PaymentRefused
from lib.decimals import to_plain_string
from lib.formats import format_money


class BookBankLine(Act[BankLine], frozen=True, kw_only=True):
    """As `book_line`. shares: (invoice, amount)."""

    name, kind, permission = "book_bank_line", ApprovalKind.MANUAL_PAYMENTS, "invoices.record_payment"
    refusals = (BankLineRefused, PaymentRefused)

    line_id: int
    shares: list[tuple[int, Decimal]]
    reason: str = ""

    def read_facts(self, *, at: datetime) -> ActFacts:
        # The locks of `book_line`: the line is not booked, and nothing is paid, between these facts and the act.
        line = lock_line(self.line_id)
        invoices = lock_share_invoices(line, self._shares)
        currency = str(line.currency)
        amount = format_money(line.amount, currency)
        names = ", ".join(map(str, invoices))
        return ActFacts(
            subject=line,
            title=_("Book a bank line of %(amount)s to %(invoices)s") % {"amount": amount, "invoices": names},
            amount=line.amount,
            unit=currency,
            customer_id=invoices[0].customer_id,
            seller_id=line.account.seller_id,
            versions={
                _("The bank line"): str(line.get_state_display()),
                **{
                    str(invoice): _("amount due: %(due)s") % {"due": to_plain_string(invoice.due)}
                    for invoice in invoices
                },
            },
            # Without payer and purpose, which an erasure would not find here; the request links to the line.
            rows=[
                (_("Amount"), amount),
                (_("Value date"), f"{line.value_date:%Y-%m-%d}"),
                *(
                    (str(invoice), format_money(share.amount, currency))
                    for invoice, share in zip(invoices, self._shares, strict=True)
                ),
            ],
        )

    def carry_out(self, *, by: User | None, at: datetime) -> BankLine:
        return book_line(line_id=self.line_id, shares=self._shares, reason=self.reason, at=at, by=by)

    @property
    def _shares(self) -> list[InvoiceShare]:
        return [InvoiceShare(*share) for share in self.shares]
