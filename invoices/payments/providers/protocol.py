"""The protocol of payment providers: requests and responses."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

SUCCEEDED, DECLINED, PENDING, CANCELED = "succeeded", "declined", "pending", "canceled"


class OutcomeUnknown(Exception):
    """
    The outcome of a request is unknown: the connection broke, or the provider failed. Look it up before sending
    again.
    """


class Misconfigured(Exception):
    """
    The request was not executed, and won't be until our settings or our account are corrected; the text says how.
    """


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """
    A payment attempt or refund as a provider takes it.

    key: the key of the attempt's row, by which the provider recognizes repeated requests. amount: in the currency's
        major unit. account, payment_method: the provider's ids of the payer and of the payment method. method_kind:
        the kind of that method, such as sepa_debit, if known. ref: its id of the attempt, if known. payment_ref: of a
        refund, its id of the payment. description: the text that the customer reads, such as an invoice's number.
        sent_at: when it was first sent. at: now.
    """

    key: UUID
    amount: Decimal
    currency: str
    description: str
    sent_at: datetime
    at: datetime
    account: str = ""
    payment_method: str = ""
    method_kind: str = ""
    ref: str = ""
    payment_ref: str = ""


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """
    A provider's response about an attempt.

    state: succeeded, declined, canceled, or pending while undecided. ref: its id of the attempt.
    code, reason: why it was declined, for machines and for people. page, closes_at: where to pay, and until when.
    is_processing: whether the customer has paid and only the bank's answer is missing, which may take days.
    """

    state: str
    ref: str = ""
    code: str = ""
    reason: str = ""
    page: str = ""
    closes_at: datetime | None = None
    is_processing: bool = False


@dataclass(frozen=True, slots=True)
class ProviderRecord:
    """
    A payment or refund in a provider's own list. kind: charge or refund. key: of our row, if the record names one.
    """

    kind: str
    ref: str
    key: str
    state: str
    amount: Decimal
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ProviderPaymentMethod:
    """
    A card or bank account that a provider stores for a customer.

    kind: card, sepa_debit, or another name of the provider. expires: year and month.
    """

    ref: str
    label: str
    expires: tuple[int, int] | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class ProviderSetup:
    """
    How a customer saved a payment method.

    mandate: the reference of the mandate that permits to debit a bank account. replaces: the provider's id of the
    method that this one replaces.
    """

    mandate: str = ""
    replaces: str = ""


class Provider(Protocol):
    """
    Collects payments and sends refunds.

    Each method may be called again with the same order and takes effect once. Each raises OutcomeUnknown if its
    outcome is unknown, and Misconfigured if the provider refused it for a reason on our side.
    """

    def charge(self, order: PaymentOrder) -> ProviderResponse:
        """Charge a payment method while its owner is not present."""

    def open_page(self, order: PaymentOrder, *, back_to: str) -> ProviderResponse:
        """Open a page on which the customer pays, and which returns them to `back_to`."""

    def close_page(self, order: PaymentOrder) -> ProviderResponse:
        """Close a payment page, and return the outcome of its payment."""

    def find_payment(self, order: PaymentOrder) -> ProviderResponse | None:
        """Return the outcome of a payment; None if the provider has no record of it."""

    def refund(self, order: PaymentOrder) -> ProviderResponse:
        """Refund a part of a payment."""

    def find_refund(self, order: PaymentOrder) -> ProviderResponse | None:
        """Return the outcome of a refund; None if the provider has no record of it."""

    def create_account(self, *, key: str, name: str, email: str) -> str:
        """Create an account for a customer and return its id at the provider. key: our own key of the request."""

    def setup_page(self, *, account: str, key: str, currency: str, back_to: str, replaces: str = "") -> str:
        """
        Return a page on which a customer saves a card or bank account.

        currency: of the payments, which decides which methods the page offers. replaces: the method to replace.
        """

    def list_payment_methods(self, account: str) -> list[ProviderPaymentMethod]:
        """Return an account's payment methods, the newest first."""

    def find_setup(self, payment_method: str) -> ProviderSetup:
        """Return how a payment method was saved."""

    def detach_payment_method(self, payment_method: str) -> None:
        """Delete a payment method at the provider."""

    def list_records(self, start: datetime, end: datetime) -> Iterator[ProviderRecord]:
        """Yield each payment and refund of ours that was created in [start, end)."""
