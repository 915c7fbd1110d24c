"""
Grant purchases once they are paid.

The table is the queue: a pending purchase whose invoice is paid is granted in the transaction that records the
payment, or else by the periodic task.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum

from customers.customer_time import clock_filter
from customers.notifications import announce
from invoices.models import Line
from invoices.models.invoices import InvoiceState
from lib.decimals import to_plain_string
from wallets.credit_rules.packs import spread_cost
from wallets.ledger.grant import Grant, grant
from wallets.models import LotKind, Purchase, PurchaseState
from wallets.purchases.pack_terms import load_terms

BATCH_SIZE = 100
"""Purchases settled per pass of the task; it continues while there are more."""

CREDITED_BY_HAND = "Its invoice was credited"


@dataclass(slots=True)
class PurchaseSettlement:
    """granted: purchases whose units arrived. canceled: purchases whose invoice is void."""

    granted: int = 0
    canceled: int = 0


def grant_purchase(purchase: Purchase, *, at: datetime) -> None:
    """Grant the units of a purchase and their bonus into its wallet; the caller has locked the purchase."""
    terms = load_terms(purchase.terms)
    parts = [(LotKind.PURCHASED, f"purchase:{purchase.pk}", purchase.units)]
    if purchase.bonus:
        parts.append((LotKind.BONUS, f"purchase:{purchase.pk}:bonus", purchase.bonus))
    costs = spread_cost(_net_after_credits(purchase), *(units for _, _, units in parts))
    grants = [
        Grant(
            kind,
            units,
            source,
            cost=cost,
            tax_point=terms.tax_point,
            expires_at=terms.expires_at(at),
            features=terms.features,
            priority=terms.priority,
            rolls_over=terms.rolls_over,
            rollover_most=terms.rollover_most,
            rollover_days=terms.rollover_days,
        )
        for (kind, source, units), cost in zip(parts, costs, strict=True)
    ]
    grant(wallet_id=purchase.wallet_id, grants=grants, at=at, reason=terms.name, by_id=purchase.by_id)
    Purchase.objects.filter(pk=purchase.pk).update(state=PurchaseState.GRANTED, granted_at=at)
    announce(
        kind="wallet.granted",
        customer_id=purchase.wallet.customer_id,
        seller_id=purchase.wallet.seller_id,
        facts={
            "wallet": purchase.wallet_id,
            "purchase": purchase.pk,
            "invoice": purchase.invoice_id,
            "units": to_plain_string(purchase.units),
            "bonus": to_plain_string(purchase.bonus),
            "unit": terms.unit,
        },
        key=f"purchase:{purchase.pk}",
        at=at,
    )


def _net_after_credits(purchase: Purchase) -> Decimal:
    """Return the price before tax, less the amounts credited before the grant."""
    credited = Line.objects.filter(invoice__corrects=purchase.invoice_id).aggregate(sum=Sum("amount"))["sum"]
    return purchase.net - (credited or Decimal(0))


@transaction.atomic
def grant_paid(*, invoice_ids: Collection[int], at: datetime) -> list[Purchase]:
    """
    Grant the pending purchases of these invoices, as far as the invoices are paid; the caller has locked the
    invoices.
    """
    paid = Purchase.objects.filter(
        invoice__in=invoice_ids,
        state=PurchaseState.PENDING,
        invoice__state=InvoiceState.PAID,
        wallet__closed_at__isnull=True,
    )
    # Row locks: the payment and the task can't grant a purchase twice.
    purchases = list(paid.select_for_update(of=("self",)).select_related("wallet").order_by("pk"))
    for purchase in purchases:
        grant_purchase(purchase, at=at)
    return purchases


def settle_purchases(*, at: datetime, clock_id: int | None = None) -> PurchaseSettlement:
    """
    Grant purchases that are paid and not granted yet, and end those whose invoice was voided; safe to repeat.

    clock_id: limit to customers on this test clock; None means real time. Each purchase has its own transaction, so
        that a failure affects one wallet only.
    """
    settlement = PurchaseSettlement()
    in_time = clock_filter(clock_id, "wallet__customer")
    pending = Purchase.objects.filter(in_time, state=PurchaseState.PENDING, wallet__closed_at__isnull=True)
    paid = pending.filter(invoice__state=InvoiceState.PAID).order_by("pk")
    for invoice_id in list(paid.values_list("invoice_id", flat=True)[:BATCH_SIZE]):
        settlement.granted += len(grant_paid(invoice_ids=[invoice_id], at=at))
    void = pending.filter(invoice__state=InvoiceState.VOID).order_by("pk")
    for purchase_id in list(void.values_list("pk", flat=True)[:BATCH_SIZE]):
        changes = {"state": PurchaseState.CANCELED, "ended_at": at, "reason": CREDITED_BY_HAND}
        settlement.canceled += Purchase.objects.filter(pk=purchase_id, state=PurchaseState.PENDING).update(**changes)
    return settlement
