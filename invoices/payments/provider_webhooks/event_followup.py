"""
Do what follows from stored events: ask anew about what they speak of.

An event is never taken at its word, so it matters neither in which order events come, nor how often.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F

from customers.notifications import announce
from invoices.models import PayerAccount, PaymentAttempt, ProviderEvent, Refund
from invoices.models.payment_attempts import AttemptState
from invoices.payments.attempts.checkout import read_instruments
from invoices.payments.attempts.provider_calls import ask, order_of
from invoices.payments.attempts.settlement import settle, take_back
from invoices.payments.providers import Misconfigured, Unclear, provider
from invoices.payments.providers.stripe import MARK
from invoices.payments.refunds.refund import order_of as refund_order
from invoices.payments.refunds.refund import send
from invoices.payments.refunds.refund import settle as settle_refund
from lib.decimals import plain
from lib.failpoints import reached

AT_ONCE = 100
LEASE = timedelta(seconds=90)
MOST_TRIES = 20
NOT_OURS = "It is of nothing that we have asked for"


def follow_events(*, at: datetime, keep_going: Callable[[], bool] = lambda: True) -> int:
    """Follow the events that wait, oldest first, and return how many; harmless to run twice, or at once."""
    waiting = ProviderEvent.objects.filter(done_at__isnull=True, next_at__lte=at).order_by("next_at", "pk")
    count = 0
    for event_id in list(waiting.values_list("pk", flat=True)[:AT_ONCE]):
        if not keep_going():
            break
        count += follow_event(event_id=event_id, at=at)
    return count


def follow_event(*, event_id: int, at: datetime) -> bool:
    """Follow one event, unless somebody does or it is done; what fails is tried again, and in the end left."""
    mine = ProviderEvent.objects.filter(pk=event_id, done_at__isnull=True, next_at__lte=at)
    if not mine.update(next_at=at + LEASE, tries=F("tries") + 1):
        return False
    event = ProviderEvent.objects.get(pk=event_id)
    try:
        outcome = _follow(event, at)
    except (Unclear, Misconfigured) as error:
        gives_up = event.tries >= MOST_TRIES
        again = None if gives_up else at + timedelta(minutes=min(2**event.tries, 240))
        ProviderEvent.objects.filter(pk=event_id).update(next_at=again, outcome=str(error)[:300])
        return True
    reached("event.before_done")
    ProviderEvent.objects.filter(pk=event_id).update(done_at=at, next_at=None, outcome=outcome[:300])
    return True


def _follow(event: ProviderEvent, at: datetime) -> str:
    charges, refunds = _charges(event), _refunds(event)
    for charge in charges:
        _ask_about(charge, event, at)
    for refund in refunds:
        _ask_about_refund(refund, at)
    accounts = list(_accounts(event))
    for account in accounts:
        read_instruments(account=account, at=at)
    named = [*(f"charge {one.pk}" for one in charges), *(f"refund {one.pk}" for one in refunds)]
    return ", ".join(named + [f"cards of {one}" for one in accounts]) or NOT_OURS


def _object(event: ProviderEvent) -> dict[str, Any]:
    content = event.content if isinstance(event.content, dict) else {}
    found = (content.get("data") or {}).get("object") if event.provider == "stripe" else content
    return found if isinstance(found, dict) else {}


def _key(event: ProviderEvent) -> UUID | None:
    thing = _object(event)
    text = thing.get("key") if event.provider == "sandbox" else (thing.get("metadata") or {}).get(MARK)
    try:
        return UUID(str(text))
    except ValueError:
        return None


def _charges(event: ProviderEvent) -> list[PaymentAttempt]:
    thing, known = _object(event), PaymentAttempt.objects.filter(provider=event.provider)
    known = known.select_related("invoice__customer", "payment_method__account")
    if (key := _key(event)) is not None and (found := list(known.filter(key=key))):
        return found
    named = [thing.get("id"), thing.get("payment_intent")]
    return list(known.filter(ref__in=[one for one in named if isinstance(one, str)]))


def _refunds(event: ProviderEvent) -> list[Refund]:
    key, ref = _key(event), _object(event).get("id")
    known = Refund.objects.filter(provider=event.provider).select_related("attempt")
    return list(known.filter(key=key) if key else known.filter(ref=str(ref)).exclude(ref=""))


def _accounts(event: ProviderEvent) -> Iterator[PayerAccount]:
    is_setup = event.kind == "checkout.session.completed" and bool(_object(event).get("setup_intent"))
    if is_setup or event.kind.startswith("payment_method."):
        refs = [one for one in (_object(event).get("customer"), _before(event)) if isinstance(one, str)]
        yield from PayerAccount.objects.filter(provider=event.provider, ref__in=refs)


def _before(event: ProviderEvent) -> Any:
    """Return whose a card was before it was taken away."""
    return ((event.content.get("data") or {}).get("previous_attributes") or {}).get("customer")


def _ask_about(charge: PaymentAttempt, event: ProviderEvent, at: datetime) -> None:
    if event.kind.startswith("charge.dispute."):
        _dispute(charge, event, at)
    elif charge.state == AttemptState.PENDING:
        asked = ask(attempt_id=charge.pk, at=at)
        if asked.leased_until is not None and asked.leased_until > at:
            raise Unclear("Somebody else is asking about it.")
    elif charge.state != AttemptState.SUCCEEDED:  # may have been taken after all
        found = provider(charge.provider).find(order_of(charge, at=at))
        if found is not None:
            settle(attempt_id=charge.pk, answer=found, at=at)


def _ask_about_refund(refund: Refund, at: datetime) -> None:
    if refund.state == AttemptState.PENDING:
        send(refund_id=refund.pk, at=at)
    elif refund.state == AttemptState.SUCCEEDED and refund.attempt is not None:
        found = provider(refund.provider).find_refund(refund_order(refund, at=at))
        if found is not None:
            settle_refund(refund_id=refund.pk, answer=found, at=at)


def _dispute(charge: PaymentAttempt, event: ProviderEvent, at: datetime) -> None:
    """A bank that takes issue has the money back already; it is ours again if we win."""
    PaymentAttempt.objects.filter(pk=charge.pk, disputed_at__isnull=True).update(disputed_at=at)
    status = _object(event).get("status")
    facts = {"charge": charge.pk, "invoice": charge.invoice_id, "number": charge.invoice.number}
    facts |= {"amount": plain(charge.amount), "currency": str(charge.currency), "status": str(status or "")}
    announce(
        kind="payment.disputed",
        customer_id=charge.invoice.customer_id,
        facts=facts,
        key=f"charge:{charge.pk}:disputed:{status}",
        at=at,
    )
    payment = getattr(charge, "payment", None)
    if status == "lost" and payment is not None:
        take_back(payment_id=payment.pk, reason="The customer's bank took it back", at=at)
