"""Send refunds, record what came of them, and pay balances out."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q

from customers.customer_time import in_time_of
from customers.models import Customer
from customers.notifications import announce
from invoices.models import BalanceEntry, CustomerBalance, Refund
from invoices.models.balances import BalanceKind
from invoices.models.payment_attempts import AttemptState, RefundProvider
from invoices.payments.attempts.provider_calls import KEYS_LAST, NOT_THERE, heard, lease
from invoices.payments.attempts.settlement import MOST_REASON, postpone
from invoices.payments.providers import Answer, Order, provider
from invoices.payments.providers.protocol import DECLINED, PENDING, SUCCEEDED
from lib.audit_log import change
from lib.decimals import plain
from lib.failpoints import reached
from lib.formats import money
from lib.money import minor_unit

AT_ONCE = 100
FAILS_LATE = timedelta(days=45)
"""How long after a refund succeeded its provider may still find that it did not arrive."""


class CannotRefund(Exception):
    """Money cannot be given back as asked; the text says why and what can be done. field: which figure it is."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


def send(*, refund_id: int, at: datetime) -> Refund:
    """Hand a refund over to what took the money, or find out what came of it, as `ask` does with a charge."""
    is_first = lease(Refund, refund_id, at)
    refund = Refund.objects.select_related("attempt", "note").get(pk=refund_id)
    if is_first is None or refund.attempt is None:
        return refund
    service, order = provider(refund.provider), order_of(refund, at=at)
    reached("refund.before_asking")

    def exchange() -> Answer:
        found = None if is_first else service.find_refund(order)
        if found is None and at > order.sent_at + KEYS_LAST:
            return Answer(DECLINED, reason=NOT_THERE)
        return found or service.refund(order)

    answer = heard(exchange)
    reached("refund.after_asking")
    if isinstance(answer, Answer):
        return settle(refund_id=refund_id, answer=answer, at=at)
    return postpone(refund, reason=answer, at=at)


def order_of(refund: Refund, *, at: datetime) -> Order:
    """Return a refund as what took the money gets it."""
    order = Order(
        key=refund.key,
        amount=refund.amount,
        currency=str(refund.currency),
        described=str(refund.note or refund.customer),
        sent_at=refund.sent_at or at,
        at=at,
        ref=refund.ref,
    )
    return order if refund.attempt is None else replace(order, of=refund.attempt.ref)


def settle(*, refund_id: int, answer: Answer, at: datetime) -> Refund:
    """
    Record what came of a refund. What did not arrive is the customer's all the same: it goes to their balance.

    A refund that had succeeded may still fail, weeks later, when the account that it went to is closed.
    """
    with change("settle refund", by=None, at=at, refund=refund_id):
        refund = Refund.objects.select_for_update(no_key=True).get(pk=refund_id)
        if answer.state == PENDING:
            refund.ref = answer.ref or refund.ref
            return postpone(refund, reason=answer.reason, at=at) if refund.state == AttemptState.PENDING else refund
        was, now = refund.state, AttemptState.SUCCEEDED if answer.state == SUCCEEDED else AttemptState.DECLINED
        if was == now or (was != AttemptState.PENDING and not (was == SUCCEEDED and now == DECLINED)):
            return refund
        refund.state, refund.settled_at, refund.ref = now, at, answer.ref or refund.ref
        refund.code, refund.reason = answer.code[:60], answer.reason[:MOST_REASON]
        refund.next_at = refund.leased_until = None
        refund.save(update_fields=["state", "settled_at", "ref", "code", "reason", "next_at", "leased_until"])
        if now == AttemptState.DECLINED:
            _keep(refund, at)
        _tell(refund, at)
        return refund


def _keep(refund: Refund, at: datetime) -> None:
    BalanceEntry.objects.create(
        customer_id=refund.customer_id,
        currency=refund.currency,
        kind=BalanceKind.NOT_PAID_OUT,
        amount=refund.amount,
        document_id=refund.note_id,
        reference=f"refund:{refund.pk}:failed",
        at=at,
    )


def _tell(refund: Refund, at: datetime) -> None:
    kind = "refund.succeeded" if refund.state == AttemptState.SUCCEEDED else "refund.failed"
    facts = {
        "refund": refund.pk,
        "credit_note": refund.note_id,
        "amount": plain(refund.amount),
        "currency": str(refund.currency),
        "reason": refund.reason or None,
    }
    announce(kind=kind, customer_id=refund.customer_id, facts=facts, key=f"refund:{refund.pk}:{kind}", at=at)


def record_by_hand(*, refund_id: int, reference: str, at: datetime, by: AbstractBaseUser | None) -> Refund:
    """
    Record that a refund was paid by hand; again is no error.

    reference: what the bank knows the transfer by.

    :raises CannotRefund: if its provider pays it, it came to nothing, or no reference is given.
    """
    if not reference.strip() or len(reference) > MOST_REASON:
        raise CannotRefund("Say what the bank knows the transfer by.", field="reference")
    with change("pay refund by hand", by=by, at=at, refund=refund_id):
        refund = Refund.objects.select_for_update(no_key=True).get(pk=refund_id)
        if refund.provider != RefundProvider.MANUAL:
            raise CannotRefund(f"{refund.get_provider_display()} pays this refund: nothing is to be done by hand.")
        if refund.state == AttemptState.SUCCEEDED and refund.ref == reference.strip():
            return refund
        if refund.state != AttemptState.PENDING:
            raise CannotRefund(f"It is {refund.get_state_display()} already.")
        return settle(refund_id=refund_id, answer=Answer(SUCCEEDED, reference.strip()), at=at)


def pay_out(
    *, customer_id: int, currency: str, amount: Decimal, at: datetime, by: AbstractBaseUser | None = None
) -> Refund:
    """
    Take some of a customer's balance to be paid out by hand, and return the refund that is to be made.

    :raises CannotRefund: if the balance is not so high, or the amount is none in its currency.
    """
    with change("pay balance out", by=by, at=at, customer=customer_id):
        Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
        balance = CustomerBalance.objects.filter(customer=customer_id, currency=currency).first()
        there = balance.amount if balance else Decimal(0)
        if not amount.is_finite() or not 0 < amount <= there or amount % minor_unit(currency):
            raise CannotRefund(f"The balance is {money(there, currency)}: pay out that at most.", field="amount")
        refund = Refund.objects.create(
            customer_id=customer_id,
            provider=RefundProvider.MANUAL,
            amount=amount,
            currency=currency,
            by_id=by.pk if by else None,
            created_at=at,
        )
        BalanceEntry.objects.create(
            customer_id=customer_id,
            currency=currency,
            kind=BalanceKind.PAID_OUT,
            amount=-amount,
            reference=f"refund:{refund.pk}",
            at=at,
        )
        return refund


def sweep(*, at: datetime, clock: int | None = None, keep_going: Callable[[], bool] = lambda: True) -> int:
    """Send what is due to be sent, and ask about what is under way; return how many. Harmless to run twice."""
    waiting = Refund.objects.filter(in_time_of(clock), Q(next_at__lte=at), state=AttemptState.PENDING)
    count = 0
    for refund_id in list(waiting.order_by("next_at").values_list("pk", flat=True)[:AT_ONCE]):
        if not keep_going():
            break
        send(refund_id=refund_id, at=at)
        count += 1
    return count
