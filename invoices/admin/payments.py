"""Staff pages of payment attempts, refunds, balances and provider events."""

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from customers.admin.search import CustomerSearch
from customers.customer_time import current_time
from invoices.models import BalanceEntry, DunningStep, PaymentAttempt, ProviderEvent, Refund
from invoices.models.payment_attempts import UNMATCHED_PAYMENT, AttemptState, RefundProvider
from invoices.payments.refunds.refund import RefundRefused, record_manual_refund
from lib.admin import ConditionFilter, ConfirmedAction, Preview, ReadOnlyAdmin, Response, StaffForm
from lib.admin.columns import column, display, link_column, money_column, state_column, text_column
from lib.admin.seller_restriction import OF_ALL_SELLERS
from lib.formats import format_money
from lib.translation import Text

STATE_COLORS = {"pending": "info", "succeeded": "success", "declined": "danger", "canceled": "warning"}


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(CustomerSearch, ReadOnlyAdmin):
    seller_paths = ("invoice__seller",)
    empty_text = _("Attempts to charge a customer's card appear here with their outcome.")
    list_display = ("name", "customer", "state_shown", "amount_shown", "reason", "created_at")
    list_filter = ("state", "provider", "created_at")
    list_select_related = ("invoice__customer",)
    search_fields = ("ref",)
    search_help_text = _("Provider's ID of the payment, or part of the customer's name")
    customer_path, exact_field = "invoice__customer", "ref"
    fields = (
        *("document", "state", "amount_shown", "provider", "payment_method", "ref", "code", "reason", "tries"),
        *("created_at", "sent_at", "next_at", "settled_at", "closes_at", "disputed_at", "by"),
    )

    customer = text_column("invoice.customer", _("Customer"))
    document = link_column("invoice", _("Invoice"))
    state_shown = state_column(STATE_COLORS)
    amount_shown = money_column("amount", _("Amount"), ordering="amount")
    name = column(
        _("Payment attempt"),
        lambda attempt: (
            gettext("%(invoice)s, attempt %(number)s") % {"invoice": attempt.invoice, "number": attempt.number}
        ),
    )


class ManualRefundForm(StaffForm):
    """The bank's reference of a transfer."""

    reference = forms.CharField(label=_("Bank reference"), max_length=120)


class RecordRefund(ConfirmedAction[Refund]):
    """Record a transfer that staff have made."""

    label, icon, verb = _("Record refund"), "payments", _("Record refund")
    permission = "invoices.pay_refund"
    form_class = ManualRefundForm
    refusals = (RefundRefused,)
    refusal_field = "reference"

    @staticmethod
    def is_offered(refund: Refund) -> bool:
        return refund.provider == RefundProvider.MANUAL and refund.state == AttemptState.PENDING

    def preview(self, refund: Refund) -> Preview:
        amount = format_money(refund.amount, str(refund.currency))
        return Preview(
            title=gettext("Refund of %(amount)s to %(customer)s") % {"amount": amount, "customer": refund.customer},
            consequences=[
                gettext("This records a transfer that you have made. No money moves."),
                gettext("The customer is notified."),
            ],
        )

    def run(self, refund: Refund) -> Response:
        at = current_time(refund.customer)
        record_manual_refund(refund_id=refund.pk, **self.choices, at=at, by=self.user)
        amount = format_money(refund.amount, str(refund.currency))
        return self.done(gettext("The refund of %(amount)s was recorded.") % {"amount": amount})


@admin.register(Refund)
class RefundAdmin(CustomerSearch, ReadOnlyAdmin):
    seller_paths = ("seller",)
    empty_text = _("A credit note creates a refund when paid money goes back to the customer.")
    list_display = ("customer", "state_shown", "amount_shown", "provider", "document", "created_at")
    list_filter = ("state", "provider")
    list_select_related = ("customer", "note")
    search_fields = ("ref",)
    search_help_text = _("Provider's ID or bank reference of the refund, or part of the customer's name")
    exact_field = "ref"
    actions_detail = ("paid_by_hand",)
    fields = (
        *("customer", "document", "state", "amount_shown", "provider", "attempt", "ref", "code", "reason", "tries"),
        *("created_at", "sent_at", "next_at", "settled_at", "by"),
    )

    document = link_column("note", _("Credit note"))
    amount_shown = money_column("amount", _("Amount"), ordering="amount")
    paid_by_hand = RecordRefund.as_action()

    @display(description=_("State"), ordering="state", label=STATE_COLORS)
    def state_shown(self, refund: Refund) -> tuple[str, str]:
        is_due_by_hand = RecordRefund.is_offered(refund)
        return refund.state, gettext("transfer pending") if is_due_by_hand else refund.get_state_display()


@admin.register(BalanceEntry)
class BalanceEntryAdmin(CustomerSearch, ReadOnlyAdmin):
    seller_paths = ("seller",)
    empty_text = _("Credits, overpayments, and payouts of customer balances appear here.")
    list_display = ("customer", "kind", "amount_shown", "after_shown", "document_shown", "at")
    list_filter = ("kind", "at")
    list_select_related = ("customer", "document")
    search_fields = ("reference",)
    search_help_text = _("Part of the customer's name")
    fields = ("customer", "kind", "amount_shown", "after_shown", "document_shown", "reference", "at")

    amount_shown = money_column("amount", _("Amount"), ordering="amount")
    after_shown = money_column("after", _("Balance after"))
    document_shown = link_column("document", _("Invoice"))


class MatchFilter(ConditionFilter):
    """Whether a payment that the provider collected was asked for."""

    title = _("Match")
    parameter_name = "match"

    def conditions(self) -> dict[str, tuple[Text, Q]]:
        return {"unmatched": (_("unmatched payments"), UNMATCHED_PAYMENT)}


@admin.register(ProviderEvent)
class ProviderEventAdmin(ReadOnlyAdmin):
    seller_paths = OF_ALL_SELLERS
    empty_text = _("Webhook events from the payment provider appear here.")
    list_display = ("kind", "ref", "provider", "received_at", "done_at", "outcome")
    list_filter = ("provider", "received_at", MatchFilter)
    search_fields = ("=ref", "=kind")
    fields = ("provider", "kind", "ref", "received_at", "tries", "next_at", "done_at", "outcome", "content")


class DunningInline(TabularInline):
    """A seller's dunning steps for unpaid invoices."""

    model = DunningStep
    fields = ("days", "action")
    extra = 0
    max_num = 20
    ordering = ("days", "pk")
    verbose_name = _("dunning step")
    verbose_name_plural = _("dunning of past due invoices")
