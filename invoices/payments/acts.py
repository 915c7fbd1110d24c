"""Write-offs and payouts as acts that may need a second person: docs/approvals.md."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from access.approvals import Act, ActFacts
from access.models.approvals import ApprovalKind
from customers.customer_time import current_time
from customers.models import Customer, Seller
from invoices.models import CustomerBalance, Invoice, Refund, WriteOff
from invoices.payments.refunds.refund import RefundRefused, pay_out_balance
from invoices.payments.write_offs import WriteOffRefused, write_off
from lib.decimals import to_plain_string
from lib.formats import format_money


class WriteOffInvoice(Act[WriteOff], frozen=True, kw_only=True):
    """As `write_off`."""

    name, kind, permission = "write_off", ApprovalKind.WRITE_OFFS, "invoices.write_off_invoice"
    refusals = (WriteOffRefused,)

    invoice_id: int
    reason: str

    def read_facts(self, *, at: datetime) -> ActFacts:
        # Row lock: nothing is paid or credited between these facts and the act.
        invoice = Invoice.objects.select_for_update(no_key=True).get(pk=self.invoice_id)
        due = format_money(invoice.due, str(invoice.currency))
        return ActFacts(
            subject=invoice,
            title=_("Write off %(amount)s of %(invoice)s") % {"amount": due, "invoice": invoice},
            amount=invoice.due,
            unit=str(invoice.currency),
            customer_id=invoice.customer_id,
            seller_id=invoice.seller_id,
            sandbox=invoice.sandbox,
            versions={str(invoice): _("%(state)s, due: %(due)s") % {"state": invoice.state, "due": due}},
            rows=[(_("Reason"), self.reason), (_("Amount due"), due)],
        )

    def carry_out(self, *, by: User | None, at: datetime) -> WriteOff:
        at = current_time(Invoice.objects.select_related("customer").get(pk=self.invoice_id).customer)
        return write_off(invoice_id=self.invoice_id, reason=self.reason, at=at, by=by)


class PayOutBalance(Act[Refund], frozen=True, kw_only=True):
    """As `pay_out_balance`."""

    name, kind, permission = "pay_out_balance", ApprovalKind.REFUNDS, "invoices.pay_refund"
    refusals = (RefundRefused,)

    customer_id: int
    currency: str
    amount: Decimal
    seller_id: int

    def read_facts(self, *, at: datetime) -> ActFacts:
        # Customer lock, as `pay_out_balance` takes it: two payouts can't both spend the same balance.
        customer = Customer.objects.select_for_update(no_key=True).get(pk=self.customer_id)
        owner = {"customer_id": self.customer_id, "seller_id": self.seller_id}
        balance = CustomerBalance.objects.filter(**owner, currency=self.currency).first()
        amount = format_money(self.amount, self.currency)
        available = to_plain_string(balance.amount) if balance else "0"
        return ActFacts(
            subject=customer,
            title=_("Pay out %(amount)s of a customer balance") % {"amount": amount},
            amount=self.amount,
            unit=self.currency,
            customer_id=self.customer_id,
            seller_id=self.seller_id,
            sandbox=customer.sandbox,
            versions={_("The balance in %(currency)s") % {"currency": self.currency}: available},
            rows=[(_("Amount"), amount), (_("Balance"), f"{available} {self.currency}")],
        )

    def carry_out(self, *, by: User | None, at: datetime) -> Refund:
        customer = Customer.objects.get(pk=self.customer_id)
        return pay_out_balance(
            customer_id=self.customer_id,
            currency=self.currency,
            amount=self.amount,
            seller=Seller.objects.get(pk=self.seller_id),
            at=current_time(customer),
            by=by,
        )
