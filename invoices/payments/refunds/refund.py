"""Submit refunds, record their outcome, and pay out customer balances."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from customers.customer_time import clock_filter
from customers.models import Customer, Seller
from customers.notifications import announce
from invoices.models import BalanceEntry, CustomerBalance, Refund
from invoices.models.balances import BalanceKind
from invoices.models.payment_attempts import AttemptState, RefundProvider
from invoices.payments.attempts.attempt_queue import REFUNDS, in_step_of_clock
from invoices.payments.attempts.provider_calls import (
    IDEMPOTENCY_KEY_LIFETIME,
    NOT_FOUND_REASON,
    call_provider,
)
from invoices.payments.attempts.settlement import MAX_REASON, postpone
from invoices.payments.providers import PaymentOrder, ProviderResponse, provider
from invoices.payments.providers.protocol import DECLINED, PENDING, SUCCEEDED
from lib.audit_log import audited_transaction
from lib.decimals import to_plain_string
from lib.failpoints import hit_failpoint
from lib.formats import format_money
from lib.money import minor_unit
from lib.queue import NO_DEADLINE, Deadline, Lease

LATE_FAILURE_WINDOW = timedelta(days=45)
"""How long after a refund succeeded its provider may still report that it failed."""


class RefundRefused(Exception):
    """A refund or payout is not possible; the text says why and how to fix it. field: the field at fault."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


def submit_refund(*, refund_id: int, at: datetime) -> Refund:
    """
    Send a refund to the provider of its payment, or look up its outcome, as `submit_attempt` does with an attempt.
    """
    lease = REFUNDS.claim(refund_id, at=at, insists=True)
    return Refund.objects.get(pk=refund_id) if lease is None else _submit_leased(lease, at=at)


def _submit_leased(lease: Lease, *, at: datetime) -> Refund:
    refund = Refund.objects.select_related("attempt__merchant", "note").get(pk=lease.key)
    if refund.attempt is None:
        return refund
    service, order = provider(refund.provider, refund.attempt.merchant), refund_order(refund, at=at)
    hit_failpoint("refund.before_asking")

    def exchange() -> ProviderResponse:
        existing = None if lease.attempt == 1 else service.find_refund(order)
        if existing is None and at > order.sent_at + IDEMPOTENCY_KEY_LIFETIME:
            return ProviderResponse(DECLINED, reason=NOT_FOUND_REASON)
        return existing or service.refund(order)

    response = call_provider(exchange)
    hit_failpoint("refund.after_asking")
    if isinstance(response, ProviderResponse):
        return record_refund_outcome(refund_id=refund.pk, response=response, at=at)
    return postpone(refund, reason=response, at=at)


def refund_order(refund: Refund, *, at: datetime) -> PaymentOrder:
    """Return a refund in the form that the provider takes."""
    order = PaymentOrder(
        key=refund.key,
        amount=refund.amount,
        currency=str(refund.currency),
        description=str(refund.note or refund.customer),
        sent_at=refund.sent_at or at,
        at=at,
        ref=refund.ref,
    )
    return order if refund.attempt is None else replace(order, payment_ref=refund.attempt.ref)


def record_refund_outcome(*, refund_id: int, response: ProviderResponse, at: datetime) -> Refund:
    """
    Record the outcome of a refund. The money of a failed refund remains the customer's and goes to their balance.

    A refund that had succeeded may still fail weeks later, if the receiving account was closed.
    """
    with audited_transaction("settle refund", by=None, at=at, refund=refund_id):
        # Row lock: two responses to a refund are recorded one after the other.
        refund = Refund.objects.select_for_update(no_key=True).get(pk=refund_id)
        if response.state == PENDING:
            refund.ref = response.ref or refund.ref
            return postpone(refund, reason=response.reason, at=at) if refund.state == AttemptState.PENDING else refund
        old_state, new_state = (
            refund.state,
            AttemptState.SUCCEEDED if response.state == SUCCEEDED else AttemptState.DECLINED,
        )
        # A settled refund changes once at most: when one that had succeeded fails later.
        if old_state == new_state or (
            old_state != AttemptState.PENDING and not (old_state == SUCCEEDED and new_state == DECLINED)
        ):
            return refund
        refund.state, refund.settled_at, refund.ref = new_state, at, response.ref or refund.ref
        refund.code, refund.reason = response.code[:60], response.reason[:MAX_REASON]
        refund.next_at = refund.leased_until = None
        refund.save(update_fields=["state", "settled_at", "ref", "code", "reason", "next_at", "leased_until"])
        if new_state == AttemptState.DECLINED:
            _credit_failed_refund(refund, at)
        _announce(refund, at)
        return refund


def _credit_failed_refund(refund: Refund, at: datetime) -> None:
    BalanceEntry.objects.create(
        customer_id=refund.customer_id,
        seller_id=refund.seller_id,
        currency=refund.currency,
        kind=BalanceKind.NOT_PAID_OUT,
        amount=refund.amount,
        document_id=refund.note_id,
        reference=f"refund:{refund.pk}:failed",
        at=at,
    )


def _announce(refund: Refund, at: datetime) -> None:
    kind = "refund.succeeded" if refund.state == AttemptState.SUCCEEDED else "refund.failed"
    facts = {
        "refund": refund.pk,
        "credit_note": refund.note_id,
        "amount": to_plain_string(refund.amount),
        "currency": str(refund.currency),
        "reason": refund.reason or None,
    }
    announce(
        kind=kind,
        customer_id=refund.customer_id,
        seller_id=refund.seller_id,
        facts=facts,
        key=f"refund:{refund.pk}:{kind}",
        at=at,
    )


def record_manual_refund(*, refund_id: int, reference: str, at: datetime, by: User | None) -> Refund:
    """
    Record that a refund was paid by hand; repeating this is no error.

    reference: the bank's reference of the transfer.

    :raises RefundRefused: if its provider pays it, it was canceled or declined, or no reference is given.
    """
    if not reference.strip() or len(reference) > MAX_REASON:
        text = _("Enter the bank's reference of the transfer, in 1 to %(most)s characters.")
        raise RefundRefused(text % {"most": MAX_REASON}, field="reference")
    with audited_transaction("record a manual refund", by=by, at=at, refund=refund_id):
        # Row lock: a provider's response and an entry by hand happen one after the other.
        refund = Refund.objects.select_for_update(no_key=True).get(pk=refund_id)
        if refund.provider != RefundProvider.MANUAL:
            text = _("%(provider)s pays this refund. You don't need to transfer the amount.")
            raise RefundRefused(text % {"provider": refund.get_provider_display()})
        if refund.state == AttemptState.SUCCEEDED and refund.ref == reference.strip():
            return refund
        if refund.state != AttemptState.PENDING:
            text = _("The refund is already settled. Its state: %(state)s.")
            raise RefundRefused(text % {"state": refund.get_state_display()})
        return record_refund_outcome(
            refund_id=refund_id, response=ProviderResponse(SUCCEEDED, reference.strip()), at=at
        )


def pay_out_balance(
    *,
    customer_id: int,
    currency: str,
    amount: Decimal,
    seller: Seller | None = None,
    at: datetime,
    by: User | None = None,
) -> Refund:
    """
    Debit a customer's balance for a payout by hand, and return the refund to pay.

    seller: who owes the balance; by default the customer's seller.

    :raises RefundRefused: if the amount exceeds the balance or is not valid in its currency.
    """
    with audited_transaction("pay balance out", by=by, at=at, customer=customer_id):
        # Customer lock: two payouts can't both spend the same balance.
        customer = Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
        owner = {"customer_id": customer_id, "seller_id": seller.pk if seller else customer.seller_id}
        balance = CustomerBalance.objects.filter(**owner, currency=currency).first()
        available = balance.amount if balance else Decimal(0)
        if not amount.is_finite() or not 0 < amount <= available or amount % minor_unit(currency):
            text = _("Enter an amount above zero and up to the customer balance, %(balance)s.")
            raise RefundRefused(text % {"balance": format_money(available, currency)}, field="amount")
        refund = Refund.objects.create(
            **owner,
            provider=RefundProvider.MANUAL,
            amount=amount,
            currency=currency,
            by_id=by.pk if by else None,
            created_at=at,
        )
        BalanceEntry.objects.create(
            **owner,
            currency=currency,
            kind=BalanceKind.PAID_OUT,
            amount=-amount,
            reference=f"refund:{refund.pk}",
            at=at,
        )
        return refund


def submit_due_refunds(*, at: datetime, clock_id: int | None = None, deadline: Deadline = NO_DEADLINE) -> int:
    """Send or look up the refunds that are due, and return their number. Safe to repeat."""
    leases = in_step_of_clock(REFUNDS, clock_id).claims(at=at, among=clock_filter(clock_id), deadline=deadline)
    return len([_submit_leased(lease, at=at) for lease in leases])
