"""Invoices, finished: what was paid of them, and a payment to record by hand."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from customers.clock import time_of
from invoices.admin.invoices import InvoiceAdmin
from invoices.models import Invoice
from invoices.models.payments import PaymentMethod
from invoices.paying import MOST_REFERENCE, CannotPay
from plans.admin.figures import NumberInput
from plans.figures import money
from wallets.buying import receive_payment


class PaymentForm(forms.Form):
    """What came in for an invoice."""

    amount = forms.DecimalField(widget=NumberInput())
    reference = forms.CharField(
        max_length=MOST_REFERENCE,
        widget=UnfoldAdminTextInputWidget(),
        help_text="What the payment is known by, such as the bank's own number: it counts once for this invoice.",
    )

    def __init__(self, *args: Any, invoice: Invoice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].initial = invoice.due
        self.fields["amount"].label = f"Amount, in {invoice.currency}"


class PayableInvoiceAdmin(InvoiceAdmin):
    actions_detail = (
        *("open_pdf", "edit_draft", "issue_draft", "discard_draft", "record_payment", "credit", "void"),
        "render_again",
    )

    def shown(self, invoice: Invoice) -> dict[str, Any]:
        """Add what was paid, and how."""
        payments = invoice.payments.select_related("by").order_by("pk")
        return super().shown(invoice) | {"payments": [(one, _money(one.amount, invoice)) for one in payments]}

    @action(description="Record payment", icon="payments", permissions=["record_payment"])
    def record_payment(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask what came in, and record it."""
        invoice = self._invoice(request, object_id)
        form = PaymentForm(request.POST or None, invoice=invoice)
        if request.method == "POST" and form.is_valid():
            try:
                payment = receive_payment(
                    invoice_id=invoice.pk,
                    **form.cleaned_data,
                    method=PaymentMethod.MANUAL,
                    reason=request.POST.get("_reason", "")[:300],
                    at=time_of(invoice.customer),
                    by=request.user,
                )
            except CannotPay as refused:
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
        offered = super().get_actions_detail(request, object_id)
        is_due = invoice is not None and invoice.due > 0
        return [one for one in offered if is_due or one.method.original_function_name != "record_payment"]


def _money(amount: Decimal, invoice: Invoice) -> str:
    return money(amount, str(invoice.currency))
