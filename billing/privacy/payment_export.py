"""What an export tells of how a customer pays, what came of it, and who was in their account."""

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


def _cards(customer: Customer) -> Iterable[list[str]]:
    found = PaymentMethod.objects.filter(account__customer=customer).order_by("pk")
    return text_rows(found.values_list("account__provider", *PAYMENT_TABLES["cards"][1:]))


def _payments(customer: Customer) -> Iterable[list[str]]:
    found = Payment.objects.filter(invoice__customer=customer).order_by("pk")
    return text_rows(found.values_list("invoice__number", *PAYMENT_TABLES["payments"][1:]))


def _charges(customer: Customer) -> Iterable[list[str]]:
    found = PaymentAttempt.objects.filter(invoice__customer=customer).order_by("pk")
    return text_rows(found.values_list("invoice__number", *PAYMENT_TABLES["charges"][1:]))


def _refunds(customer: Customer) -> Iterable[list[str]]:
    found = Refund.objects.filter(customer=customer).order_by("pk")
    return text_rows(found.values_list("created_at", "amount", "currency", "state", "ref", "reason"))


def _balance(customer: Customer) -> Iterable[list[str]]:
    return text_rows(
        BalanceEntry.objects.filter(customer=customer).order_by("pk").values_list(*PAYMENT_TABLES["balance"])
    )


def _reminders(customer: Customer) -> Iterable[list[str]]:
    found = DunningAct.objects.filter(invoice__customer=customer).order_by("pk")
    return text_rows(found.values_list("invoice__number", *PAYMENT_TABLES["reminders"][1:]))


def _messages(customer: Customer) -> Iterable[list[str]]:
    """Return what a provider sent about the customer's account with it."""
    accounts = PayerAccount.objects.filter(customer=customer).values_list("provider", "ref")
    named = [Q(provider=provider, content__data__object__customer=ref) for provider, ref in accounts]
    named += [Q(provider=provider, content__data__object__id=ref) for provider, ref in accounts]
    found = ProviderEvent.objects.filter(Q(*named, _connector=Q.OR)) if named else ProviderEvent.objects.none()
    return text_rows(found.order_by("pk").values_list(*PAYMENT_TABLES["provider_messages"]))


def _visits(customer: Customer) -> Iterable[list[str]]:
    return text_rows(
        PortalSession.objects.filter(customer=customer).order_by("pk").values_list(*PAYMENT_TABLES["visits"])
    )


PAYMENT_ROWS = {
    "cards": _cards,
    "payments": _payments,
    "charges": _charges,
    "refunds": _refunds,
    "balance": _balance,
    "reminders": _reminders,
    "provider_messages": _messages,
    "visits": _visits,
}
