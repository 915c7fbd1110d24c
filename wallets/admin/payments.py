"""Payments on the invoice page: shown, recorded by hand, charged and reversed."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.messages import SUCCESS, WARNING
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldBooleanWidget

from customers.customer_time import current_time
from invoices.admin.invoices import InvoiceAdmin
from invoices.models import Invoice, Payment
from invoices.models.payments import PaymentChannel
from invoices.payments import attempts
from invoices.payments.attempts.payment_start import has_payment_method
from invoices.payments.attempts.settlement import reverse_payment
from invoices.payments.manual_payments import MAX_REFERENCE, PaymentRefused
from lib.admin import ConfirmedAction, Preview, Response, StaffForm
from lib.formats import format_money
from wallets.purchases import receive_payment


class PaymentForm(StaffForm):
    """A payment received for an invoice."""

    amount = forms.DecimalField()
    reference = forms.CharField(
        max_length=MAX_REFERENCE,
        help_text="What the payment is known by, such as the bank's own number: it counts once for this invoice.",
    )

    keeps_surplus = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanWidget(),
        label="Keep what is beyond on the customer's balance",
        help_text="Where they have paid too much: it is taken off what is invoiced next.",
    )

    def __init__(self, *args: Any, invoice: Invoice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].initial = invoice.due
        self.fields["amount"].label = f"Amount, in {invoice.currency}"


class TakeBackForm(StaffForm):
    """The payment to reverse."""

    payment = forms.ChoiceField()

    def __init__(self, *args: Any, invoice: Invoice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["payment"].choices = [
            (payment.pk, f"{_money(payment.amount, invoice)}, {payment.reference}")
            for payment in _reversible_payments(invoice)
        ]


def _reversible_payments(invoice: Invoice) -> QuerySet[Payment]:
    """Return the payments that can be reversed: those received from outside."""
    channels = (PaymentChannel.MANUAL, PaymentChannel.STRIPE, PaymentChannel.SANDBOX)
    return invoice.payments.filter(method__in=channels, reverses__isnull=True, reversal__isnull=True).order_by("pk")


class ChargeInvoice(ConfirmedAction[Invoice]):
    label, icon, verb = "Charge", "credit_card", "Charge customer"
    permission = "invoices.collect_payment"
    refusals = (attempts.PaymentAttemptRefused,)
    is_offered = staticmethod(lambda invoice: invoice.due > 0 and has_payment_method(invoice.customer_id))

    def preview(self, invoice: Invoice) -> Preview:
        return Preview(
            title=f"Charge {_money(invoice.due, invoice)} of {invoice}",
            consequences=[
                f"{_money(invoice.due, invoice)} are taken from the customer's card at once.",
                "Where the provider does not answer, what came of it is found out, and it is taken once.",
            ],
        )

    def run(self, invoice: Invoice) -> Response:
        at = current_time(invoice.customer)
        attempt = attempts.start_payment(invoice_id=invoice.pk, at=at, by=self.user)
        attempt = attempts.submit_attempt(attempt_id=attempt.pk, at=at)
        outcome = f"{_money(attempt.amount, invoice)} of {invoice}: {attempt.get_state_display()}. {attempt.reason}"
        return self.done(outcome, level=SUCCESS if attempt.state == "succeeded" else WARNING)


class RecordPayment(ConfirmedAction[Invoice]):
    label = verb = "Record payment"
    icon = "payments"
    permission = "invoices.record_payment"
    refusals = (PaymentRefused,)
    is_offered = staticmethod(lambda invoice: invoice.due > 0)

    def make_form(self, invoice: Invoice) -> forms.Form:
        return PaymentForm(self.posted, invoice=invoice)

    def preview(self, invoice: Invoice) -> Preview:
        return Preview(
            title=f"Record a payment of {invoice}",
            consequences=[
                f"{_money(invoice.due, invoice)} is due; when nothing is left, the invoice is paid.",
                "A payment is kept for good, and moves no money.",
            ],
        )

    def run(self, invoice: Invoice) -> Response:
        payment = receive_payment(
            invoice_id=invoice.pk,
            **self.choices,
            method=PaymentChannel.MANUAL,
            reason=self.reason[:300],
            at=current_time(invoice.customer),
            by=self.user,
        )
        return self.done(f"{_money(payment.amount, invoice)} of {invoice} is paid.")


class TakePaymentBack(ConfirmedAction[Invoice]):
    """Reverse a payment that was returned or recorded by mistake."""

    label, icon, verb = "Payment did not come", "undo", "Take payment back"
    permission = "invoices.record_payment"
    missing_reason = "Say why: the reason is kept with the payment."
    is_offered = staticmethod(lambda invoice: _reversible_payments(invoice).exists())
    title = "A payment of {} did not come"
    consequences = ["What it paid is due again.", "It stays in the list, with what takes it back."]

    def make_form(self, invoice: Invoice) -> forms.Form:
        return TakeBackForm(self.posted, invoice=invoice)

    def run(self, invoice: Invoice) -> Response:
        at, payment_id = current_time(invoice.customer), int(self.choices["payment"])
        reverse_payment(payment_id=payment_id, reason=self.reason, at=at, by=self.user)
        return self.done(f"The payment is taken back: look at what is due of {invoice}.")


class InvoicePayments(InvoiceAdmin):
    """A part of the invoice page (config/admin_site/pages.py)."""

    charge = ChargeInvoice.as_action()
    record_payment = RecordPayment.as_action()
    take_back = TakePaymentBack.as_action()

    def page_context(self, request: HttpRequest, invoice: Invoice) -> dict[str, Any]:
        """Add the payments, payment attempts and dunning steps."""
        return super().page_context(request, invoice) | {
            "payments": invoice.payments.select_related("by").order_by("pk"),
            "charges": invoice.charges.select_related("payment_method").order_by("pk"),
            "dunning": list(invoice.dunning_acts.order_by("pk")),
        }


def _money(amount: Decimal, invoice: Invoice) -> str:
    return format_money(amount, str(invoice.currency))
