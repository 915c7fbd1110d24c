"""Staff pages of payment attempts, refunds, balances and provider events."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from customers.admin.search import find_customer_ids
from customers.customer_time import current_time
from invoices.models import BalanceEntry, DunningStep, Invoice, PaymentAttempt, ProviderEvent, Refund
from invoices.models.payment_attempts import AttemptState, RefundProvider
from invoices.payments.refunds.refund import RefundRefused, record_manual_refund
from lib.admin.number_fields import number_cell
from lib.formats import format_money

STATE_COLORS = {"pending": "info", "succeeded": "success", "declined": "danger", "canceled": "warning"}


class ReadOnlyAdmin(ModelAdmin):
    """Rows that staff read and never edit."""

    ordering = ("-pk",)
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple(self.get_fields(request, obj))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _document_link(invoice: Invoice | None) -> str | SafeString:
    if invoice is None:
        return "-"
    return format_html('<a href="{}">{}</a>', reverse("admin:invoices_invoice_change", args=[invoice.pk]), invoice)


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(ReadOnlyAdmin):
    list_display = ("name", "customer", "state_shown", "amount_shown", "reason", "created_at")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("provider", ChoicesDropdownFilter),
        ("created_at", RangeDateFilter),
    )
    list_select_related = ("invoice__customer",)
    search_fields = ("ref",)
    search_help_text = "The provider's name of it, or part of a customer's name"
    fields = (
        *("document", "state", "amount_shown", "provider", "payment_method", "ref", "code", "reason", "tries"),
        *("created_at", "sent_at", "next_at", "settled_at", "closes_at", "disputed_at", "by"),
    )

    @display(description="Charge")
    def name(self, attempt: PaymentAttempt) -> str:
        return f"{attempt.invoice}, no. {attempt.number}"

    @display(description="Customer")
    def customer(self, attempt: PaymentAttempt) -> str:
        return str(attempt.invoice.customer)

    @display(description="Invoice")
    def document(self, attempt: PaymentAttempt) -> str | SafeString:
        return _document_link(attempt.invoice)

    @display(description="State", ordering="state", label=STATE_COLORS)
    def state_shown(self, attempt: PaymentAttempt) -> tuple[str, str]:
        return attempt.state, attempt.get_state_display()

    @display(description="Amount", ordering="amount")
    def amount_shown(self, attempt: PaymentAttempt) -> str:
        return number_cell(format_money(attempt.amount, str(attempt.currency)))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        term = search_term.strip()
        if not term:
            return queryset, False
        if (exact := queryset.filter(ref=term)).exists():
            return exact, False
        return queryset.filter(invoice__customer__in=find_customer_ids(term)), False


class ManualRefundForm(forms.Form):
    """The bank's reference of a transfer."""

    reference = forms.CharField(max_length=120, widget=UnfoldAdminTextInputWidget())


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    list_display = ("customer", "state_shown", "amount_shown", "provider", "document", "created_at")
    list_filter = (("state", ChoicesDropdownFilter), ("provider", ChoicesDropdownFilter))
    list_select_related = ("customer", "note")
    search_fields = ("ref",)
    search_help_text = "The provider's or the bank's name of it, or part of a customer's name"
    actions_detail = ("paid_by_hand",)
    fields = (
        *("customer", "document", "state", "amount_shown", "provider", "attempt", "ref", "code", "reason", "tries"),
        *("created_at", "sent_at", "next_at", "settled_at", "by"),
    )

    @display(description="Credit note")
    def document(self, refund: Refund) -> str | SafeString:
        return _document_link(refund.note)

    @display(description="State", ordering="state", label=STATE_COLORS)
    def state_shown(self, refund: Refund) -> tuple[str, str]:
        is_due_by_hand = refund.provider == RefundProvider.MANUAL and refund.state == AttemptState.PENDING
        return refund.state, "to be paid by hand" if is_due_by_hand else refund.get_state_display()

    @display(description="Amount", ordering="amount")
    def amount_shown(self, refund: Refund) -> str:
        return number_cell(format_money(refund.amount, str(refund.currency)))

    @action(description="Paid by hand", icon="payments", permissions=["pay"])
    def paid_by_hand(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Record a transfer that staff have made."""
        refund: Refund | None = self.get_object(request, object_id)
        if refund is None:
            raise Http404(f"There is no refund {object_id}.")
        form = ManualRefundForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                at = current_time(refund.customer)
                record_manual_refund(refund_id=refund.pk, **form.cleaned_data, at=at, by=request.user)
            except RefundRefused as refused:
                form.add_error("reference", str(refused))
            else:
                messages.success(request, f"{format_money(refund.amount, str(refund.currency))} are paid back.")
                return HttpResponseRedirect(reverse("admin:invoices_refund_change", args=[refund.pk]))
        amount = format_money(refund.amount, str(refund.currency))
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=refund,
            title=f"{amount} to {refund.customer}",
            consequences=["This moves no money: it records a transfer that you have made.", "The customer is told."],
            form=form,
            verb="Record refund",
        )

    def has_pay_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("invoices.pay_refund"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        by_hand = Refund.objects.filter(pk=object_id, provider=RefundProvider.MANUAL, state=AttemptState.PENDING)
        return super().get_actions_detail(request, object_id) if by_hand.exists() else []

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        term = search_term.strip()
        if not term:
            return queryset, False
        if (exact := queryset.filter(ref=term)).exists():
            return exact, False
        return queryset.filter(customer__in=find_customer_ids(term)), False


@admin.register(BalanceEntry)
class BalanceEntryAdmin(ReadOnlyAdmin):
    list_display = ("customer", "kind", "amount_shown", "after_shown", "document_shown", "at")
    list_filter = (("kind", ChoicesDropdownFilter), ("at", RangeDateFilter))
    list_select_related = ("customer", "document")
    search_fields = ("reference",)
    search_help_text = "Part of a customer's name"
    fields = ("customer", "kind", "amount_shown", "after_shown", "document_shown", "reference", "at")

    @display(description="Amount", ordering="amount")
    def amount_shown(self, entry: BalanceEntry) -> str:
        return number_cell(format_money(entry.amount, str(entry.currency)))

    @display(description="Balance after")
    def after_shown(self, entry: BalanceEntry) -> str:
        return number_cell(format_money(entry.after, str(entry.currency)))

    @display(description="Document")
    def document_shown(self, entry: BalanceEntry) -> str | SafeString:
        return _document_link(entry.document)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        term = search_term.strip()
        return (queryset.filter(customer__in=find_customer_ids(term)) if term else queryset), False


@admin.register(ProviderEvent)
class ProviderEventAdmin(ReadOnlyAdmin):
    list_display = ("kind", "ref", "provider", "received_at", "done_at", "outcome")
    list_filter = (("provider", ChoicesDropdownFilter), ("received_at", RangeDateFilter))
    search_fields = ("=ref", "=kind")
    fields = ("provider", "kind", "ref", "received_at", "tries", "next_at", "done_at", "outcome", "content")


class DunningInline(TabularInline):
    """A seller's dunning steps for unpaid invoices."""

    model = DunningStep
    fields = ("days", "action")
    extra = 0
    max_num = 20
    ordering = ("days", "pk")
    verbose_name = "step"
    verbose_name_plural = "dunning: what is done about invoices that are not paid in time"
