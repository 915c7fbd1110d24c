"""Settle the payment of a top-up: reported by the payer, or found out from the purchase."""

from datetime import datetime
from enum import StrEnum

from customers.customer_time import clock_filter
from customers.notifications import announce
from customers.notifications.announcement import Facts
from invoices.models import Invoice, PaymentAttempt
from invoices.models.payment_attempts import AttemptState
from invoices.models.payments import PaymentChannel
from invoices.payments import attempts
from lib.audit_log import audited_transaction
from lib.decimals import to_plain_string
from wallets.models import PurchaseState, TopUp, TopUpRule, TopUpState, Wallet
from wallets.models.topups import Payer
from wallets.purchases import cancel, grant_paid, receive_payment

# Top-ups per run; the rest stays due for the next run.
BATCH_SIZE = 200
SANDBOX_DECLINES = "The sandbox declines every payment of this rule"


class TopUpOutcome(StrEnum):
    """The outcome of a payment."""

    PAID = "paid"
    DECLINED = "declined"


def settle(
    *, topup_id: int, outcome: TopUpOutcome, at: datetime, reason: str = "", method: str = PaymentChannel.SANDBOX
) -> TopUp:
    """
    Record the outcome of a top-up's payment. Every payer reports through this function; repeating it is no error.

    Paid: the amount due of its invoice is recorded as paid, and the units arrive. Declined: the purchase fails, and
    after as many declines in a row as the rule allows, the rule is switched off.

    reason: of a decline.
    """
    with audited_transaction("settle top-up", by=None, at=at, topup=topup_id):
        topup = TopUp.objects.select_related("wallet", "purchase").get(pk=topup_id)
        rule = _lock_rule(topup)
        # Read again under the lock: another worker may have settled it.
        topup.refresh_from_db()
        if topup.state != TopUpState.PENDING:
            return topup
        if outcome == TopUpOutcome.PAID:
            _pay(topup, method, at)
            finish(topup, TopUpState.PAID, at=at)
        else:
            decline_reason = reason or "The payment was declined"
            cancel(purchase_id=topup.purchase_id, reason=decline_reason, at=at, state=PurchaseState.FAILED)
            finish(topup, TopUpState.DECLINED, at=at, reason=decline_reason)
            if rule is not None:
                _count_decline(rule, at)
        return topup


def _lock_rule(topup: TopUp) -> TopUpRule | None:
    """Lock the rule first, as a purchase does, so that two outcomes are recorded one after the other."""
    return TopUpRule.objects.select_for_update(no_key=True).filter(wallet=topup.wallet_id).first()


def _pay(topup: TopUp, method: str, at: datetime) -> None:
    due = Invoice.objects.get(pk=topup.purchase.invoice_id).due
    # The invoice may have been paid in another way.
    if due:
        reference = f"topup:{topup.pk}"
        receive_payment(invoice_id=topup.purchase.invoice_id, amount=due, method=method, reference=reference, at=at)


def request_payment(topup: TopUp, payer: str, *, at: datetime) -> None:
    """
    Ask the payer for the payment, and settle an immediate answer; a top-up by invoice is settled when that is paid.
    """
    if payer == Payer.SANDBOX:
        settle(topup_id=topup.pk, outcome=TopUpOutcome.PAID, at=at)
    elif payer == Payer.DECLINING:
        settle(topup_id=topup.pk, outcome=TopUpOutcome.DECLINED, at=at, reason=SANDBOX_DECLINES)
    elif payer == Payer.CARD:
        _charge_card(topup, at)


def _charge_card(topup: TopUp, at: datetime) -> None:
    """
    Charge the customer's card, or look up the outcome of the last attempt; the units of a paid purchase are granted
    where the payment is recorded.
    """
    invoice_id = topup.purchase.invoice_id
    attempt = PaymentAttempt.objects.filter(invoice=invoice_id).order_by("-number").first()
    try:
        attempt = attempt or attempts.start_payment(invoice_id=invoice_id, at=at)
    except attempts.PaymentAttemptRefused as refused:
        settle(topup_id=topup.pk, outcome=TopUpOutcome.DECLINED, at=at, reason=str(refused))
        return
    if attempt.state == AttemptState.PENDING and (attempt.next_at is None or attempt.next_at <= at):
        attempt = attempts.submit_attempt(attempt_id=attempt.pk, at=at)
    if attempt.state == AttemptState.SUCCEEDED:
        grant_paid(invoice_ids=[invoice_id], at=at)
        settle(topup_id=topup.pk, outcome=TopUpOutcome.PAID, at=at)
    elif attempt.state != AttemptState.PENDING:
        settle(topup_id=topup.pk, outcome=TopUpOutcome.DECLINED, at=at, reason=attempt.reason)


def settle_pending(*, at: datetime, clock_id: int | None = None) -> int:
    """
    Settle pending top-ups whose purchase was granted or failed, and ask their payers again; return how many were
    settled.
    """
    in_time = clock_filter(clock_id, "wallet__customer")
    pending = TopUp.objects.filter(in_time, state=TopUpState.PENDING).order_by("pk")
    count = 0
    for topup in pending.select_related("wallet", "purchase", "wallet__topup_rule")[:BATCH_SIZE]:
        rule = getattr(topup.wallet, "topup_rule", None)
        if topup.purchase.state == PurchaseState.PENDING:
            if rule is not None:
                request_payment(topup, rule.payer, at=at)
                count += rule.payer != Payer.INVOICE
            continue
        with audited_transaction("settle top-up", by=None, at=at, topup=topup.pk):
            _lock_rule(topup)
            is_paid = topup.purchase.state == PurchaseState.GRANTED
            reason = "" if is_paid else topup.purchase.reason
            count += finish(topup, TopUpState.PAID if is_paid else TopUpState.CANCELED, at=at, reason=reason)
    return count


def finish(topup: TopUp, state: TopUpState, *, at: datetime, reason: str = "") -> bool:
    """
    Store the end of a pending top-up and announce it; return whether it was still pending. A paid one resets
    declines.
    """
    changes = {"state": state, "settled_at": at, "reason": reason}
    if not TopUp.objects.filter(pk=topup.pk, state=TopUpState.PENDING).update(**changes):
        return False
    topup.state, topup.settled_at, topup.reason = state, at, reason
    if state == TopUpState.PAID:
        TopUpRule.objects.filter(wallet=topup.wallet_id, declines__gt=0).update(declines=0)
    if state != TopUpState.CANCELED:
        _announce_topup(topup, at)
    return True


def _announce_topup(topup: TopUp, at: datetime) -> None:
    payload: Facts = {
        "wallet": topup.wallet_id,
        "topup": topup.pk,
        "purchase": topup.purchase_id,
        "amount": to_plain_string(topup.amount),
        "currency": str(topup.currency),
        "reason": topup.reason or None,
    }
    kind = "topup.paid" if topup.state == TopUpState.PAID else "topup.failed"
    _announce(kind, topup.wallet, payload, key=f"topup:{topup.pk}:{kind}", at=at)


def _count_decline(rule: TopUpRule, at: datetime) -> None:
    rule.declines += 1
    TopUpRule.objects.filter(pk=rule.pk).update(declines=rule.declines)
    if rule.declines >= rule.most_declines:
        reason = (
            "The payment was declined"
            if rule.declines == 1
            else f"{rule.declines} consecutive payments were declined"
        )
        switch_off(rule, reason, at=at)


def switch_off(rule: TopUpRule, reason: str, *, at: datetime) -> None:
    """Switch the rule off until an operator or the customer switches it on again, and announce the reason."""
    TopUpRule.objects.filter(pk=rule.pk).update(is_on=False, off_reason=reason[:300])
    payload: Facts = {"wallet": rule.wallet_id, "reason": reason}
    key = f"topup_rule:{rule.pk}:off:{at.isoformat()}"
    _announce("topup.switched_off", rule.wallet, payload, key=key, at=at)


def _announce(kind: str, wallet: Wallet, facts: Facts, *, key: str, at: datetime) -> None:
    announce(kind=kind, customer_id=wallet.customer_id, seller_id=wallet.seller_id, facts=facts, key=key, at=at)
