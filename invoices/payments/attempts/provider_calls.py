"""Ask a provider for what is written down: once, and then only what came of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from invoices.models import PaymentAttempt
from invoices.models.payment_attempts import AttemptState
from invoices.payments.attempts.settlement import postpone, settle
from invoices.payments.providers import Answer, Misconfigured, Order, Unclear, provider
from invoices.payments.providers.protocol import CANCELED
from lib.failpoints import reached

LEASE = timedelta(seconds=90)
"""Longer than a provider may take to answer: nobody else asks meanwhile."""

KEYS_LAST = timedelta(hours=23)
"""How long a provider takes a repeated request for the same: Stripe promises a day."""

NOT_THERE = "The provider knows nothing of it a day after it was sent"
NEVER_OPENED = "Its page was never made"


def ask(*, attempt_id: int, at: datetime) -> PaymentAttempt:
    """
    Hand a charge over to its provider, or find out what came of it, and record that.

    What was handed over before is looked up first; where there is nothing, it is sent again under the same key, which
    counts once. After a day, when keys are forgotten, what is not there is given up.

    Nobody else asks meanwhile; a charge that somebody asks about, or that is settled, is returned as it is.
    """
    is_first = lease(PaymentAttempt, attempt_id, at)
    charge = PaymentAttempt.objects.select_related("payment_method__account", "invoice").get(pk=attempt_id)
    if is_first is None:
        return charge
    service, order = provider(charge.provider), order_of(charge, at=at)
    reached("charge.before_asking")

    def exchange() -> Answer:
        found = None if is_first else service.find(order)
        if found is None and charge.payment_method is None:
            return Answer(CANCELED, reason=NEVER_OPENED)
        if found is None and at > order.sent_at + KEYS_LAST:
            return Answer(CANCELED, reason=NOT_THERE)
        return found or service.charge(order)

    answer = heard(exchange)
    reached("charge.after_asking")
    if isinstance(answer, Answer):
        return settle(attempt_id=attempt_id, answer=answer, at=at)
    return postpone(charge, reason=answer, at=at)


def heard(exchange: Callable[[], Answer]) -> Answer | str:
    """Return what a provider answers, or why nobody knows."""
    try:
        return exchange()
    except (Unclear, Misconfigured) as error:
        return str(error)


def lease(attempts: Any, id_: int, at: datetime) -> bool | None:
    """
    Take the right to ask about a pending attempt, for a while, committed before anybody is asked.

    Return whether it has never been handed over yet; None if somebody else asks, or it is settled.

    :raises RuntimeError: within a transaction: with it, what money was taken by might be forgotten.
    """
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=at)
    mine = attempts.objects.filter(free, pk=id_, state=AttemptState.PENDING)
    asked = {"leased_until": at + LEASE, "tries": F("tries") + 1, "next_at": at + LEASE}
    with transaction.atomic(durable=True):
        if mine.filter(sent_at__isnull=True).update(**asked, sent_at=at):
            return True
        return False if mine.update(**asked) else None


def order_of(charge: PaymentAttempt, *, at: datetime) -> Order:
    """Return a charge as its provider gets it."""
    order = Order(
        key=charge.key,
        amount=charge.amount,
        currency=str(charge.currency),
        described=str(charge.invoice),
        sent_at=charge.sent_at or at,
        at=at,
        ref=charge.ref,
    )
    if charge.payment_method is None:
        return replace(order, account=_account(charge))
    return replace(order, account=charge.payment_method.account.ref, payment_method=charge.payment_method.ref)


def _account(charge: PaymentAttempt) -> str:
    accounts = charge.invoice.customer.payer_accounts.filter(provider=charge.provider)
    return accounts.values_list("ref", flat=True).first() or ""
