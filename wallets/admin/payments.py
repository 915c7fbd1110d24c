"""Payments on the invoice page: shown, recorded by hand, charged and reversed."""

from datetime import datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.messages import SUCCESS, WARNING
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldBooleanWidget

from access.admin.approvable_action import ApprovableAction
from access.approvals import Act
from customers.customer_time import current_time
from invoices.admin.invoices import InvoiceAdmin
from invoices.models import Invoice, Payment
from invoices.models.payments import PaymentChannel
from invoices.payments import attempts
from invoices.payments.attempts.payment_start import has_payment_method
from invoices.payments.attempts.settlement import reverse_payment
from invoices.payments.manual_payments import MAX_REFERENCE
from invoices.rendering.receipt import receipts_of
from lib.admin import ConfirmedAction, Preview, Response, StaffForm
from lib.formats import format_money
from wallets.operations.acts import RecordPayment


class PaymentForm(StaffForm):
    """A payment received for an invoice."""

    amount = forms.DecimalField()
    reference = forms.CharField(
        label=_("Reference"),
        max_length=MAX_REFERENCE,
        help_text=_("For example the bank's transaction number. The same reference is recorded once per invoice."),
    )

    paid_on = forms.DateField(
        label=_("Value date"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date", "class": "field"}),
        help_text=_("The day on which the bank booked it. Empty: today."),
    )
    keeps_surplus = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanWidget(),
        label=_("Add overpayment to the customer balance"),
        help_text=_("The balance pays the customer's next invoice."),
    )

    def __init__(self, *args: Any, invoice: Invoice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].initial = invoice.due
        self.fields["amount"].label = gettext("Amount (%(currency)s)") % {"currency": invoice.currency}


class TakeBackForm(StaffForm):
    """The payment to reverse."""

    payment = forms.ChoiceField(label=_("Payment"))

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
    label, icon, verb = _("Charge card"), "credit_card", _("Charge card")
    permission = "invoices.collect_payment"
    refusals = (attempts.PaymentAttemptRefused,)
    is_offered = staticmethod(lambda invoice: invoice.due > 0 and has_payment_method(invoice))

    def preview(self, invoice: Invoice) -> Preview:
        values = {"amount": _money(invoice.due, invoice), "invoice": invoice}
        return Preview(
            title=gettext("Charge %(amount)s for %(invoice)s") % values,
            consequences=[
                gettext("The customer's card is charged %(amount)s at once.") % values,
                gettext(
                    "If the payment provider doesn't respond, Tollbook checks the outcome. It never charges twice."
                ),
            ],
        )

    def run(self, invoice: Invoice) -> Response:
        at = current_time(invoice.customer)
        attempt = attempts.start_payment(invoice_id=invoice.pk, at=at, by=self.user)
        attempt = attempts.submit_attempt(attempt_id=attempt.pk, at=at)
        text = gettext("%(amount)s for %(invoice)s: %(state)s. %(reason)s")
        names = {"invoice": invoice, "state": attempt.get_state_display(), "reason": attempt.reason}
        outcome = text % {"amount": _money(attempt.amount, invoice), **names}
        return self.done(outcome.strip(), level=SUCCESS if attempt.state == "succeeded" else WARNING)


class RecordPaymentAction(ApprovableAction[Invoice]):
    label = verb = _("Record payment")
    icon = "payments"
    permission = "invoices.record_payment"
    refusals = RecordPayment.refusals
    is_offered = staticmethod(lambda invoice: invoice.due > 0)

    def make_form(self, invoice: Invoice) -> forms.Form:
        return PaymentForm(self.posted, invoice=invoice)

    def preview(self, invoice: Invoice) -> Preview:
        return Preview(
            title=gettext("Record a payment for %(invoice)s") % {"invoice": invoice},
            consequences=[
                gettext("Amount due: %(amount)s.") % {"amount": _money(invoice.due, invoice)},
                gettext("This records a payment that you have received. No money moves."),
            ],
        )

    def act(self, invoice: Invoice) -> Act[Any]:
        choices = dict(self.choices)
        paid_on = choices.pop("paid_on")
        zone = ZoneInfo(invoice.seller.time_zone)
        paid_at = datetime.combine(paid_on, time(), zone) if paid_on else None
        return RecordPayment(invoice_id=invoice.pk, **choices, paid_at=paid_at, reason=self.reason[:300])

    def report(self, invoice: Invoice, payment: Payment) -> Response:
        text = gettext("A payment of %(amount)s for %(invoice)s was recorded.")
        return self.done(text % {"amount": _money(payment.amount, invoice), "invoice": invoice})


class TakePaymentBack(ConfirmedAction[Invoice]):
    """Reverse a payment that was returned or recorded by mistake."""

    label, icon, verb = _("Reverse payment"), "undo", _("Reverse payment")
    permission = "invoices.record_payment"
    missing_reason = _("Enter a reason. It is stored with the payment.")
    is_offered = staticmethod(lambda invoice: _reversible_payments(invoice).exists())
    title = _("Reverse a payment for {}")
    consequences = (
        _("The amount of the payment is due again."),
        _("The payment stays in the list, together with its reversal."),
    )

    def make_form(self, invoice: Invoice) -> forms.Form:
        return TakeBackForm(self.posted, invoice=invoice)

    def run(self, invoice: Invoice) -> Response:
        at, payment_id = current_time(invoice.customer), int(self.choices["payment"])
        reverse_payment(payment_id=payment_id, reason=self.reason, at=at, by=self.user)
        return self.done(gettext("The payment for %(invoice)s was reversed.") % {"invoice": invoice})


class InvoicePayments(InvoiceAdmin):
    """A part of the invoice page (config/admin_site/pages.py)."""

    charge = ChargeInvoice.as_action()
    record_payment = RecordPaymentAction.as_action()
    take_back = TakePaymentBack.as_action()

    def page_context(self, request: HttpRequest, invoice: Invoice) -> dict[str, Any]:
        """Add the payments with their receipts."""
        return super().page_context(request, invoice) | {
            "payments": invoice.payments.select_related("by").order_by("pk"),
            "receipts": set(receipts_of(invoice).values_list("pk", flat=True)),
        }


def _money(amount: Decimal, invoice: Invoice) -> str:
    return format_money(amount, str(invoice.currency))
