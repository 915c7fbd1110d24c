"""
Stripe: payments off session, pages of its Checkout, refunds. docs/payments.md#stripe.

Each request carries a key that is made of our own row's, so that repeating it is harmless for a day. An error that
may have come after the money was taken is Unclear: then the attempt is looked for among the customer's payments, by
the row's key in its metadata, which a list shows at once.
"""

import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from typing import Any

import stripe
from django.conf import settings

from invoices.payments.providers.minor_units import NotTakeable, from_minor, to_minor
from invoices.payments.providers.protocol import (
    CANCELED,
    DECLINED,
    PENDING,
    SUCCEEDED,
    Answer,
    Misconfigured,
    Order,
    Seen,
    SeenPaymentMethod,
    Unclear,
)

SECONDS = 20
MARK = "tollbook_key"
"""The name of our row's key in the metadata of what we make at Stripe."""

PAGE_LASTS = timedelta(minutes=31)  # Stripe wants half an hour at least
CLOCKS_DIFFER = timedelta(minutes=10)

_PAYMENT = {"succeeded": SUCCEEDED, "canceled": CANCELED, "requires_payment_method": DECLINED}
_REFUND = {"succeeded": SUCCEEDED, "failed": DECLINED, "canceled": DECLINED}
_local = threading.local()


class _Refused(Exception):
    """Stripe will not do it, and has not; asking again is of no use. ref: of what it has made all the same."""

    def __init__(self, code: str, text: str, ref: str = "") -> None:
        super().__init__(text)
        self.code, self.ref = code, ref


def _or_declined(verb: Callable[[Any, Order], Answer]) -> Callable[[Any, Order], Answer]:
    """Let a verb answer that it was declined where Stripe refuses it for good."""

    @wraps(verb)
    def answered(self: Any, order: Order) -> Answer:
        try:
            return verb(self, order)
        except _Refused as refused:
            return Answer(DECLINED, refused.ref or order.ref, refused.code[:60], str(refused)[:300])

    return answered


class Stripe:
    @_or_declined
    def charge(self, order: Order) -> Answer:
        params = {
            "amount": _amount(order),
            "currency": order.currency.lower(),
            "customer": order.account,
            "payment_method": order.payment_method,
            "confirm": True,
            "off_session": True,
            "description": order.described,
            "metadata": {MARK: str(order.key)},
        }
        return _payment(_ask(lambda: _client().v1.payment_intents.create(params, _once("charge", order))))

    def open_page(self, order: Order, *, back_to: str) -> Answer:
        try:
            amount = _amount(order)
        except _Refused as refused:
            return Answer(DECLINED, code=refused.code, reason=str(refused))
        priced = {
            "currency": order.currency.lower(),
            "unit_amount": amount,
            "product_data": {"name": order.described},
        }
        params = {
            "mode": "payment",
            "customer": order.account,
            "line_items": [{"quantity": 1, "price_data": priced}],
            "metadata": {MARK: str(order.key)},
            "payment_intent_data": {"metadata": {MARK: str(order.key)}, "description": order.described},
            "expires_at": int((order.sent_at + PAGE_LASTS).timestamp()),
            "success_url": back_to,
            "cancel_url": back_to,
        }
        return _session(_ask(lambda: _client().v1.checkout.sessions.create(params, _once("page", order))))

    def close_page(self, order: Order) -> Answer:
        try:
            return _session(_ask(lambda: _client().v1.checkout.sessions.expire(order.ref)))
        except _Refused:  # it is not open any more: what has become of it?
            return self.find(order) or Answer(CANCELED, order.ref)

    def find(self, order: Order) -> Answer | None:
        client = _client().v1
        if order.ref.startswith("cs_"):
            return _session(_ask(lambda: client.checkout.sessions.retrieve(order.ref)))
        if order.ref:
            return _payment(_ask(lambda: client.payment_intents.retrieve(order.ref)))
        if not order.payment_method:
            return _marked(order, client.checkout.sessions.list, _session)
        return _marked(order, client.payment_intents.list, _payment)

    @_or_declined
    def refund(self, order: Order) -> Answer:
        params: dict[str, Any] = {"amount": _amount(order), "metadata": {MARK: str(order.key)}}
        params["payment_intent"] = _intent(order.of)
        return _refund(_ask(lambda: _client().v1.refunds.create(params, _once("refund", order))))

    def find_refund(self, order: Order) -> Answer | None:
        client = _client().v1
        if order.ref:
            return _refund(_ask(lambda: client.refunds.retrieve(order.ref)))
        found = _all(client.refunds.list, {"payment_intent": _intent(order.of)})
        return next((_refund(one) for one in found if _key(one) == str(order.key)), None)

    def make_account(self, *, key: str, name: str, email: str) -> str:
        params = {"name": name, "email": email or None, "metadata": {MARK: key}}
        made = _ask(lambda: _client().v1.customers.create(params, {"idempotency_key": f"account-{key}"}))
        return str(made.id)

    def setup_page(self, *, account: str, key: str, back_to: str) -> str:
        params = {"mode": "setup", "customer": account, "currency": "usd", "success_url": back_to}
        params |= {"cancel_url": back_to, "metadata": {MARK: key}}
        made = _ask(lambda: _client().v1.checkout.sessions.create(params, {"idempotency_key": f"setup-{key}"}))
        return str(made.url)

    def payment_methods(self, account: str) -> list[SeenPaymentMethod]:
        found = _all(partial(_client().v1.customers.payment_methods.list, account), {})
        return [_payment_method(one) for one in found]

    def forget(self, payment_method: str) -> None:
        try:
            _ask(lambda: _client().v1.payment_methods.detach(payment_method))
        except _Refused:  # it is gone already
            return

    def seen_between(self, start: datetime, end: datetime) -> Iterator[Seen]:
        client = _client().v1
        params = {"created": {"gte": int(start.timestamp()), "lt": int(end.timestamp())}}
        for one in _all(client.payment_intents.list, params):
            yield _seen("charge", one, _PAYMENT)
        for one in _all(client.refunds.list, params):
            yield _seen("refund", one, _REFUND)


def _client() -> stripe.StripeClient:
    """
    Return this thread's client: one connection is not shared by two requests at a time.

    Nor by two processes: one that is forked has its parent's connection, too, and would read the parent's answers.
    """
    made_of = os.getpid(), settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE
    if not settings.STRIPE_SECRET_KEY:
        raise Misconfigured("There is no key for Stripe: set TOLLBOOK_STRIPE_SECRET_KEY.")
    if getattr(_local, "made_of", None) != made_of:
        _local.client = stripe.StripeClient(
            settings.STRIPE_SECRET_KEY,
            base_addresses={"api": settings.STRIPE_API_BASE},
            max_network_retries=0,  # whether to ask again is decided from our own row
            http_client=stripe.RequestsClient(timeout=SECONDS),
        )
        _local.made_of = made_of
    client: stripe.StripeClient = _local.client
    return client


def _ask(question: Callable[[], Any]) -> Any:
    """
    Return what Stripe answers.

    :raises Unclear: if it may have been done all the same. :raises Misconfigured: if our key is not allowed to.
    :raises _Refused: if it was not done.
    """
    try:
        return question()
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise Misconfigured(f"Stripe refuses our key: {_said(error)}") from error
    except stripe.RateLimitError as error:
        raise Unclear(f"Stripe asks for patience: {_said(error)}") from error
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        if error.http_status == 409:  # the first request with this key is still under way
            raise Unclear(f"Stripe is still at it: {_said(error)}") from error
        code = getattr(error.error, "decline_code", None) or error.code
        made = getattr(error.error, "payment_intent", None)
        raise _Refused(code or "refused", _said(error), made.id if made else "") from error
    except stripe.IdempotencyError as error:
        raise Misconfigured(f"A key was used for something else: {_said(error)}") from error
    except stripe.StripeError as error:
        raise Unclear(f"{type(error).__name__}: {_said(error)}") from error


def _said(error: stripe.StripeError) -> str:
    return error.user_message or str(error) or type(error).__name__


def _once(what: str, order: Order) -> Any:
    return {"idempotency_key": f"{what}-{order.key}"}


def _amount(order: Order) -> int:
    try:
        return to_minor(order.amount, order.currency)
    except NotTakeable as error:
        raise _Refused("amount", str(error)) from error


def _marked(order: Order, lister: Callable[[Any], Any], read: Callable[[Any], Answer]) -> Answer | None:
    since = int((order.sent_at - CLOCKS_DIFFER).timestamp())
    found = _all(lister, {"customer": order.account, "created": {"gte": since}})
    return next((read(one) for one in found if _key(one) == str(order.key)), None)


def _all(lister: Callable[[Any], Any], params: dict[str, Any]) -> Iterator[Any]:
    """Yield all that there is, newest first, a page of a hundred at a time. :raises: as `_ask`."""
    found = _ask(lambda: lister(params | {"limit": 100})).auto_paging_iter()
    while (one := _ask(lambda: next(found, None))) is not None:
        yield one


def _key(one: Any) -> str:
    return str(getattr(one.metadata, MARK, ""))


def _payment(intent: Any) -> Answer:
    state = _PAYMENT.get(intent.status, PENDING)
    if intent.status == "requires_action":  # its owner is not there to confirm it
        return Answer(DECLINED, intent.id, "authentication_required", "The bank wants the customer to confirm it")
    error = intent.last_payment_error
    reason = (error and error.message) or (f"Stripe says {intent.status}" if state == PENDING else "")
    return Answer(
        state, intent.id, (error and (getattr(error, "decline_code", "") or error.code)) or "", reason or ""
    )


def _session(session: Any) -> Answer:
    closes_at = datetime.fromtimestamp(session.expires_at, UTC)
    if session.payment_status == "paid":
        return Answer(SUCCEEDED, session.id)
    state = CANCELED if session.status == "expired" else PENDING
    return Answer(state, session.id, page=session.url or "", closes_at=closes_at)


def _refund(refund: Any) -> Answer:
    state = _REFUND.get(refund.status, PENDING)
    return Answer(state, refund.id, refund.failure_reason or "" if state == DECLINED else "")


def _intent(ref: str) -> str:
    """Return the payment behind a charge of ours: a page is its session, which names it."""
    if not ref.startswith("cs_"):
        return ref
    return str(_ask(lambda: _client().v1.checkout.sessions.retrieve(ref)).payment_intent)


def _payment_method(one: Any) -> SeenPaymentMethod:
    if one.type == "card":
        card = one.card
        return SeenPaymentMethod(one.id, f"{card.brand.title()} {card.last4}", (card.exp_year, card.exp_month))
    last = getattr(getattr(one, one.type, None), "last4", "")
    return SeenPaymentMethod(one.id, f"{one.type.replace('_', ' ')} {last}".strip()[:80])


def _seen(kind: str, one: Any, states: dict[str, str]) -> Seen:
    amount = from_minor(one.amount, one.currency)
    made_at = datetime.fromtimestamp(one.created, UTC)
    state = states.get(one.status, PENDING)
    return Seen(kind, one.id, _key(one), state, amount, one.currency.upper(), made_at)
