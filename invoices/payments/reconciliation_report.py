"""
A seller's payments in a period as the provider reported them and as we recorded them, from our own rows:
docs/payments.md#reconciliation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Concat

from customers.models import Seller
from invoices.models import BalanceEntry, MerchantAccount, Payment, PaymentAttempt, ProviderEvent, Refund
from invoices.models.balances import BalanceKind
from invoices.models.payment_attempts import UNMATCHED_PAYMENT, AttemptState, ProviderName, RefundProvider
from invoices.payments.providers.minor_units import from_minor
from lib.decimals import ZERO

MAX_LISTED = 50
"""Rows listed of each kind of discrepancy; a page says if there are more."""
SLOW_REFUND, SLOW_PAYMENT = timedelta(days=7), timedelta(days=14)
"""Until when a refund, and a bank debit, may be pending without being a discrepancy."""


@dataclass(frozen=True, slots=True)
class ProviderTotals:
    """
    Amounts of one provider in one currency. Each is above zero or zero.

    collected: by attempts that succeeded. paid, kept: recorded for them, on invoices and as overpayments.
    by_hand: transfers that were recorded by hand, which no provider reports.
    refunded, returned: refunds that succeeded, and payments that were taken back. pending: attempts without an
        outcome yet, of any time.
    """

    provider: str
    currency: str
    collected: Decimal = ZERO
    paid: Decimal = ZERO
    kept: Decimal = ZERO
    by_hand: Decimal = ZERO
    refunded: Decimal = ZERO
    returned: Decimal = ZERO
    pending: Decimal = ZERO

    @property
    def difference(self) -> Decimal:
        """The part of the collected amount that is recorded nowhere."""
        return self.collected - self.paid - self.kept


class DiscrepancyKind(StrEnum):
    NOT_RECORDED = "not_recorded"
    NO_REFERENCE = "no_reference"
    UNMATCHED = "unmatched"
    FAILED_EVENT = "failed_event"
    SLOW_PAYMENT = "slow_payment"
    SLOW_REFUND = "slow_refund"


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A row that needs attention. amount: None of an event that names none. at: when it happened."""

    kind: DiscrepancyKind
    row: PaymentAttempt | Refund | ProviderEvent
    amount: Decimal | None
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DiscrepancyList:
    """The discrepancies of one kind, the newest first. has_more: whether there are more than MAX_LISTED."""

    kind: DiscrepancyKind
    rows: Sequence[Discrepancy]
    has_more: bool


def read_totals(*, seller: Seller, start: datetime, end: datetime) -> list[ProviderTotals]:
    """Return the totals of live customers in [start, end), by provider and currency; seven queries."""
    collected = _collected(seller, start, end)
    payments = Payment.objects.filter(invoice__seller=seller, invoice__sandbox=False)
    payments = payments.filter(paid_at__gte=start, paid_at__lt=end, method__in=[*ProviderName, RefundProvider.MANUAL])
    refunds = Refund.objects.filter(seller=seller, customer__sandbox=False, state=AttemptState.SUCCEEDED)
    refunds = refunds.filter(settled_at__gte=start, settled_at__lt=end)
    by_hand = payments.filter(attempt__isnull=True, reverses__isnull=True, method=RefundProvider.MANUAL)
    sums = [  # in the order of the columns of ProviderTotals
        _sums(collected, "provider", F("amount")),
        _sums(collected, "provider", F("payment__amount")),
        _sums(_with_kept(collected), "provider", F("kept")),
        _sums(by_hand, "method", F("amount")),
        _sums(refunds, "provider", F("amount")),
        _sums(payments.filter(reverses__isnull=False), "method", -F("amount")),
        _sums(_pending_attempts(seller), "provider", F("amount")),
    ]
    keys = sorted({key for amounts in sums for key in amounts})
    return [
        ProviderTotals(provider, currency, *(amounts.get((provider, currency), ZERO) for amounts in sums))
        for provider, currency in keys
    ]


def find_discrepancies(
    *, seller: Seller, start: datetime, end: datetime, at: datetime, shows_shared_account: bool
) -> list[DiscrepancyList]:
    """
    Return what needs attention among a seller's payments of [start, end), and what is pending for too long at `at`.

    shows_shared_account: whether to list events of the account of the settings, which belong to no single seller.

    One query for each kind, and one for the seller's accounts.
    """
    events = _events(seller, shows_shared_account).filter(received_at__gte=start, received_at__lt=end)
    collected = _with_kept(_collected(seller, start, end)).select_related("invoice")
    refunds = Refund.objects.filter(seller=seller, customer__sandbox=False).select_related("customer", "note")
    rows: dict[DiscrepancyKind, tuple[QuerySet[Any], str]] = {
        DiscrepancyKind.NOT_RECORDED: (
            collected.exclude(amount=Coalesce(F("payment__amount"), ZERO) + Coalesce(F("kept"), ZERO)),
            "settled_at",
        ),
        DiscrepancyKind.NO_REFERENCE: (
            _collected(seller, start, end).filter(ref="").select_related("invoice"),
            "settled_at",
        ),
        DiscrepancyKind.UNMATCHED: (events.filter(UNMATCHED_PAYMENT), "received_at"),
        DiscrepancyKind.FAILED_EVENT: (events.filter(done_at__isnull=True, next_at__isnull=True), "received_at"),
        DiscrepancyKind.SLOW_PAYMENT: (
            _pending_attempts(seller).filter(created_at__lt=at - SLOW_PAYMENT).select_related("invoice"),
            "created_at",
        ),
        DiscrepancyKind.SLOW_REFUND: (
            refunds.filter(state=AttemptState.PENDING, created_at__lt=at - SLOW_REFUND),
            "created_at",
        ),
    }
    return [_listed(kind, queryset, time_column) for kind, (queryset, time_column) in rows.items()]


def _collected(seller: Seller, start: datetime, end: datetime) -> QuerySet[PaymentAttempt]:
    """Return the attempts that a provider reported as succeeded in [start, end)."""
    attempts = PaymentAttempt.objects.filter(invoice__seller=seller, invoice__sandbox=False)
    return attempts.filter(state=AttemptState.SUCCEEDED, settled_at__gte=start, settled_at__lt=end)


def _pending_attempts(seller: Seller) -> QuerySet[PaymentAttempt]:
    attempts = PaymentAttempt.objects.filter(invoice__seller=seller, invoice__sandbox=False)
    # An attempt with an open page has not been paid.
    return attempts.filter(state=AttemptState.PENDING, page="")


def _with_kept(attempts: QuerySet[PaymentAttempt]) -> QuerySet[PaymentAttempt]:
    """Add `kept`: the part of a collected amount that went to the customer's balance; null if there is none."""
    entries = BalanceEntry.objects.filter(
        customer=OuterRef("invoice__customer"),
        kind=BalanceKind.OVERPAYMENT,
        reference=Concat(Value("charge:"), Cast(OuterRef("pk"), TextField())),
    )
    return attempts.annotate(kept=Subquery(entries.values("amount")))


def _events(seller: Seller, shows_shared_account: bool) -> QuerySet[ProviderEvent]:
    accounts = list(MerchantAccount.objects.filter(seller=seller).values_list("pk", flat=True))
    of_seller = Q(merchant__in=accounts)
    return ProviderEvent.objects.filter(of_seller | Q(merchant=None) if shows_shared_account else of_seller)


def _sums(rows: QuerySet[Any], provider: str, amount: F | Combinable) -> dict[tuple[str, str], Decimal]:
    """Return provider and currency → sum, without sums of nothing."""
    sums = rows.order_by().values_list(provider, "currency").annotate(sum=Sum(amount))
    return {(name, str(currency)): total for name, currency, total in sums if total}


def _amount(row: PaymentAttempt | Refund | ProviderEvent) -> tuple[Decimal | None, str]:
    """Return the amount and the currency of a row; of a provider's event, those that it names."""
    if not isinstance(row, ProviderEvent):
        return row.amount, str(row.currency)
    named = (row.content.get("data") or {}).get("object") or {} if isinstance(row.content, dict) else {}
    amount, currency = named.get("amount"), str(named.get("currency") or "").upper()
    return (from_minor(amount, currency), currency) if isinstance(amount, int) and currency else (None, "")


def _listed(kind: DiscrepancyKind, rows: QuerySet[Any], time_column: str) -> DiscrepancyList:
    listed = list(rows.order_by(f"-{time_column}", "-pk")[: MAX_LISTED + 1])
    return DiscrepancyList(
        kind,
        [Discrepancy(kind, row, *_amount(row), getattr(row, time_column)) for row in listed[:MAX_LISTED]],
        has_more=len(listed) > MAX_LISTED,
    )
