"""Payments on the invoice page: shown, recorded by hand, charged and reversed."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from customers.customer_time import current_time
from invoices.admin.invoices import InvoiceAdmin
from invoices.models import Invoice, Payment
from invoices.models.payments import PaymentChannel
from invoices.payments import attempts
from invoices.payments.attempts.payment_start import has_payment_method
from invoices.payments.attempts.settlement import reverse_payment
from invoices.payments.manual_payments import MAX_REFERENCE, PaymentRefused
from lib.admin.number_fields import NumberInput
from lib.formats import format_money
from wallets.purchases import receive_payment


class PaymentForm(forms.Form):
    """A payment received for an invoice."""

    amount = forms.DecimalField(widget=NumberInput())
    reference = forms.CharField(
        max_length=MAX_REFERENCE,
        widget=UnfoldAdminTextInputWidget(),
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


class TakeBackForm(forms.Form):
    """The payment to reverse."""

    payment = forms.ChoiceField(widget=UnfoldAdminSelectWidget())

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


class InvoicePayments(InvoiceAdmin):
    """A part of the invoice page (config/admin_site/pages/invoice.py)."""

    def page_context(self, invoice: Invoice) -> dict[str, Any]:
        """Add the payments, payment attempts and dunning steps."""
        payments = invoice.payments.select_related("by").order_by("pk")
        charges = invoice.charges.select_related("payment_method").order_by("pk")
        return super().page_context(invoice) | {
            "payments": [(payment, _money(payment.amount, invoice)) for payment in payments],
            "charges": [(attempt, _money(attempt.amount, invoice)) for attempt in charges],
            "dunning": list(invoice.dunning_acts.order_by("pk")),
        }

    @action(description="Charge", icon="credit_card", permissions=["collect"])
    def charge(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Charge the amount due to the customer's card."""
        invoice = self._invoice(request, object_id)
        if request.method == "POST":
            at = current_time(invoice.customer)
            try:
                charge = attempts.start_payment(invoice_id=invoice.pk, at=at, by=request.user)
            except attempts.PaymentAttemptRefused as refused:
                messages.error(request, str(refused))
            else:
                charge = attempts.submit_attempt(attempt_id=charge.pk, at=at)
                outcome = (
                    f"{_money(charge.amount, invoice)} of {invoice}: {charge.get_state_display()}. {charge.reason}"
                )
                (messages.success if charge.state == "succeeded" else messages.warning)(request, outcome)
            return HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=[invoice.pk]))
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=invoice,
            title=f"Charge {_money(invoice.due, invoice)} of {invoice}",
            consequences=[
                f"{_money(invoice.due, invoice)} are taken from the customer's card at once.",
                "Where the provider does not answer, what came of it is found out, and it is taken once.",
            ],
            verb="Charge customer",
        )

    @action(description="Payment did not come", icon="undo", permissions=["record_payment"])
    def take_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Reverse a payment that was returned or recorded by mistake."""
        invoice = self._invoice(request, object_id)
        form = TakeBackForm(request.POST or None, invoice=invoice)
        if request.method == "POST" and form.is_valid():
            reason = request.POST.get("_reason", "").strip()
            if not reason:
                form.add_error(None, "Say why: the reason is kept with the payment.")
            else:
                at = current_time(invoice.customer)
                reverse_payment(payment_id=int(form.cleaned_data["payment"]), reason=reason, at=at, by=request.user)
                messages.success(request, f"The payment is taken back: look at what is due of {invoice}.")
                return HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=[invoice.pk]))
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=invoice,
            title=f"A payment of {invoice} did not come",
            consequences=["What it paid is due again.", "It stays in the list, with what takes it back."],
            form=form,
            verb="Take payment back",
        )

    def has_collect_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("invoices.collect_payment"))

    @action(description="Record payment", icon="payments", permissions=["record_payment"])
    def record_payment(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the form of a payment, and record it."""
        invoice = self._invoice(request, object_id)
        form = PaymentForm(request.POST or None, invoice=invoice)
        if request.method == "POST" and form.is_valid():
            try:
                payment = receive_payment(
                    invoice_id=invoice.pk,
                    **form.cleaned_data,
                    method=PaymentChannel.MANUAL,
                    reason=request.POST.get("_reason", "")[:300],
                    at=current_time(invoice.customer),
                    by=request.user,
                )
            except PaymentRefused as refused:
                form.add_error(refused.field if refused.field in form.fields else None, str(refused))
            else:
                messages.success(request, f"{_money(payment.amount, invoice)} of {invoice} is paid.")
                return HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=[invoice.pk]))
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=invoice,
            title=f"Record a payment of {invoice}",
            consequences=[
                f"{_money(invoice.due, invoice)} is due; when nothing is left, the invoice is paid.",
                "A payment is kept for good, and moves no money.",
            ],
            form=form,
            verb="Record payment",
        )

    def has_record_payment_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("invoices.record_payment"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        invoice = self.get_object(request, str(object_id))
        actions = super().get_actions_detail(request, object_id)
        is_due = invoice is not None and invoice.due > 0
        has_card = invoice is not None and has_payment_method(invoice.customer_id)
        is_offered = {
            "record_payment": is_due,
            "charge": is_due and has_card,
            "take_back": invoice is not None and _reversible_payments(invoice).exists(),
        }
        return [
            detail_action
            for detail_action in actions
            if is_offered.get(detail_action.method.original_function_name, True)
        ]


def _money(amount: Decimal, invoice: Invoice) -> str:
    return format_money(amount, str(invoice.currency))
