"""Rows of the export about payments, and about sign-ins to the customer's portal."""

from collections.abc import Iterable, Sequence

from django.db.models import Q

from billing.privacy.export_values import text_rows
from customers.models import Customer, PortalSession
from invoices.models import (
    BalanceEntry,
    DunningAct,
    PayerAccount,
    Payment,
    PaymentAttempt,
    PaymentMethod,
    ProviderEvent,
    Refund,
)

PAYMENT_TABLES: dict[str, Sequence[str]] = {
    "cards": ("provider", "label", "expires_on", "created_at", "removed_at"),
    "payments": ("invoice", "paid_at", "amount", "currency", "method", "reference", "reason"),
    "charges": ("invoice", "created_at", "amount", "currency", "state", "reason", "back_to"),
    "refunds": ("created_at", "amount", "currency", "state", "reference", "reason"),
    "balance": ("at", "kind", "amount", "currency", "after", "reference"),
    "reminders": ("invoice", "at", "days", "action", "outcome"),
    "provider_messages": ("received_at", "kind", "content"),
    "visits": ("began_at", "seen_at", "way", "email"),
}


def _card_rows(customer: Customer) -> Iterable[list[str]]:
    payment_methods = PaymentMethod.objects.filter(account__customer=customer).order_by("pk")
    return text_rows(payment_methods.values_list("account__provider", *PAYMENT_TABLES["cards"][1:]))


def _payment_rows(customer: Customer) -> Iterable[list[str]]:
    payments = Payment.objects.filter(invoice__customer=customer).order_by("pk")
    return text_rows(payments.values_list("invoice__number", *PAYMENT_TABLES["payments"][1:]))


def _attempt_rows(customer: Customer) -> Iterable[list[str]]:
    attempts = PaymentAttempt.objects.filter(invoice__customer=customer).order_by("pk")
    return text_rows(attempts.values_list("invoice__number", *PAYMENT_TABLES["charges"][1:]))


def _refund_rows(customer: Customer) -> Iterable[list[str]]:
    refunds = Refund.objects.filter(customer=customer).order_by("pk")
    return text_rows(refunds.values_list("created_at", "amount", "currency", "state", "ref", "reason"))


def _balance_rows(customer: Customer) -> Iterable[list[str]]:
    return text_rows(
        BalanceEntry.objects.filter(customer=customer).order_by("pk").values_list(*PAYMENT_TABLES["balance"])
    )


def _reminder_rows(customer: Customer) -> Iterable[list[str]]:
    reminders = DunningAct.objects.filter(invoice__customer=customer).order_by("pk")
    return text_rows(reminders.values_list("invoice__number", *PAYMENT_TABLES["reminders"][1:]))


def _message_rows(customer: Customer) -> Iterable[list[str]]:
    """Return the provider's messages about the customer's account with it."""
    accounts = PayerAccount.objects.filter(customer=customer).values_list("provider", "ref")
    conditions = [Q(provider=provider, content__data__object__customer=ref) for provider, ref in accounts]
    conditions += [Q(provider=provider, content__data__object__id=ref) for provider, ref in accounts]
    messages = (
        ProviderEvent.objects.filter(Q(*conditions, _connector=Q.OR)) if conditions else ProviderEvent.objects.none()
    )
    return text_rows(messages.order_by("pk").values_list(*PAYMENT_TABLES["provider_messages"]))


def _visit_rows(customer: Customer) -> Iterable[list[str]]:
    return text_rows(
        PortalSession.objects.filter(customer=customer).order_by("pk").values_list(*PAYMENT_TABLES["visits"])
    )


PAYMENT_ROWS = {
    "cards": _card_rows,
    "payments": _payment_rows,
    "charges": _attempt_rows,
    "refunds": _refund_rows,
    "balance": _balance_rows,
    "reminders": _reminder_rows,
    "provider_messages": _message_rows,
    "visits": _visit_rows,
}
