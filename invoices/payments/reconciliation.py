"""Compare what a provider has taken and given back with what we have recorded: docs/payments.md#reconciliation."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from invoices.models import PaymentAttempt, Refund
from invoices.models.payment_attempts import AttemptState
from invoices.payments.attempts.settlement import settle
from invoices.payments.providers import Answer, provider
from invoices.payments.providers.protocol import PENDING, SUCCEEDED, Seen
from invoices.payments.refunds.refund import settle as settle_refund


@dataclass(frozen=True, slots=True)
class Difference:
    """
    One thing that the provider and we say differently.

    ref: the provider's name of it. ours: the number of our row, if there is one.
    """

    what: str
    kind: str
    ref: str
    ours: int | None
    amount: Decimal
    currency: str


def reconcile(
    *, provider_name: str, start: datetime, end: datetime, at: datetime, settles: bool = False
) -> Iterator[Difference]:
    """
    Yield what differs among the charges and refunds of [start, end).

    settles: whether to record what the provider has settled and we have not.

    :raises Unclear: if the provider cannot be reached. :raises Misconfigured: if it refuses us.
    """
    known: set[tuple[str, str]] = set()
    for seen in provider(provider_name).seen_between(start, end):
        known.add((seen.kind, seen.key))
        yield from _compare(seen, provider_name, at, settles)
    yield from _missing(known, provider_name, start, end)


def _compare(seen: Seen, name: str, at: datetime, settles: bool) -> Iterator[Difference]:
    ours = _find(seen, name)
    if ours is None:
        if seen.state == SUCCEEDED:
            yield _differ("taken there and unknown here", seen, None)
        return
    if (ours.amount, str(ours.currency)) != (seen.amount, seen.currency):
        yield _differ(f"here it is {ours.amount} {ours.currency}", seen, ours.pk)
    if seen.state not in (ours.state, PENDING) and not (seen.state != SUCCEEDED and ours.state != SUCCEEDED):
        yield _differ(f"there it {seen.state}, here it is {ours.get_state_display()}", seen, ours.pk)
        if settles:
            answer = Answer(seen.state, seen.ref)
            if isinstance(ours, PaymentAttempt):
                settle(attempt_id=ours.pk, answer=answer, at=at)
            else:
                settle_refund(refund_id=ours.pk, answer=answer, at=at)


def _find(seen: Seen, name: str) -> PaymentAttempt | Refund | None:
    rows = (PaymentAttempt if seen.kind == "charge" else Refund).objects.filter(provider=name)
    try:
        return rows.filter(key=UUID(seen.key)).first()
    except ValueError:
        return rows.filter(ref=seen.ref).first()


def _missing(known: set[tuple[str, str]], name: str, start: datetime, end: datetime) -> Iterator[Difference]:
    for kind, model in (("charge", PaymentAttempt), ("refund", Refund)):
        rows = model.objects.filter(provider=name, state=AttemptState.SUCCEEDED, sent_at__gte=start, sent_at__lt=end)
        for one in rows.order_by("pk").iterator():
            if (kind, str(one.key)) not in known:
                yield Difference("here and not there", kind, one.ref, one.pk, one.amount, str(one.currency))


def _differ(what: str, seen: Seen, ours: int | None) -> Difference:
    return Difference(what, seen.kind, seen.ref, ours, seen.amount, seen.currency)
