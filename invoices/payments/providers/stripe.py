"""
Stripe: off-session payments, Checkout pages, refunds. docs/payments.md#stripe.

Each request carries an idempotency key derived from our row's key, so that repeating it is harmless for a day. An
error that may have come after the money was taken raises OutcomeUnknown: the attempt is then looked up among the
customer's payments by the row's key in their metadata, which Stripe lists without delay.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar, cast

import stripe
from django.conf import settings

from invoices.payments.providers.minor_units import UnsupportedAmount, from_minor, to_minor
from invoices.payments.providers.protocol import (
    CANCELED,
    DECLINED,
    PENDING,
    SUCCEEDED,
    Misconfigured,
    OutcomeUnknown,
    PaymentOrder,
    ProviderPaymentMethod,
    ProviderRecord,
    ProviderResponse,
    ProviderSetup,
)

# Well below the lease of an attempt (90 seconds), which must cover a lookup and a charge.
TIMEOUT_SECONDS = 20
METADATA_KEY = "tollbook_key"
"""The name under which objects at Stripe carry our row's key in their metadata."""

REPLACES_KEY = "tollbook_replaces"
"""The name under which the setup of a payment method carries the id of the method that it replaces."""

# Kinds that a page can save for later payments; Stripe refuses a page with any other.
REUSABLE_KINDS = frozenset(
    [
        "acss_debit",
        "amazon_pay",
        "au_becs_debit",
        "bacs_debit",
        "card",
        "cashapp",
        "link",
        "paypal",
        "revolut_pay",
        "sepa_debit",
        "us_bank_account",
    ]
)

PAGE_LIFETIME = timedelta(minutes=31)  # Stripe wants half an hour at least
CLOCK_TOLERANCE = timedelta(minutes=10)

_PAYMENT_STATES = {"succeeded": SUCCEEDED, "canceled": CANCELED, "requires_payment_method": DECLINED}
_REFUND_STATES = {"succeeded": SUCCEEDED, "failed": DECLINED, "canceled": DECLINED}
_local = threading.local()
Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


class _StripeRefusal(Exception):
    """
    Stripe refused a request for good; repeating it is useless. ref: the id of the object it created nevertheless.
    """

    def __init__(self, code: str, text: str, ref: str = "") -> None:
        super().__init__(text)
        self.code, self.ref = code, ref


def _declined_on_refusal(
    method: Callable[[Any, PaymentOrder], ProviderResponse],
) -> Callable[[Any, PaymentOrder], ProviderResponse]:
    """Let a method return a declined response where Stripe refuses its request for good."""

    @wraps(method)
    def wrapper(self: Any, order: PaymentOrder) -> ProviderResponse:
        try:
            return method(self, order)
        except _StripeRefusal as refused:
            return ProviderResponse(DECLINED, refused.ref or order.ref, refused.code[:60], str(refused)[:300])

    return wrapper


def _misconfigured_on_refusal(method: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
    """Let a method raise Misconfigured where Stripe refuses its request for good."""

    @wraps(method)
    def wrapper(*args: Parameters.args, **names: Parameters.kwargs) -> Answer:
        try:
            return method(*args, **names)
        except _StripeRefusal as refused:
            raise Misconfigured(f"Stripe refuses the request: {refused}") from refused

    return wrapper


class Stripe:
    """
    secret_key: of the account to use; by default that of the settings.
    method_kinds: the payment methods that pages offer; without any, those that are enabled at Stripe.
    """

    def __init__(self, secret_key: str = "", method_kinds: Sequence[str] = ()) -> None:
        self._secret_key, self._method_kinds = secret_key, method_kinds

    def _client(self) -> stripe.StripeClient:
        return _client(self._secret_key or settings.STRIPE_SECRET_KEY)

    def _payment_intent_id(self, ref: str) -> str:
        """Return the payment intent behind our reference; a Checkout session names its own."""
        if not ref.startswith("cs_"):
            return ref
        return str(_call(lambda: self._client().v1.checkout.sessions.retrieve(ref)).payment_intent)

    @_declined_on_refusal
    def charge(self, order: PaymentOrder) -> ProviderResponse:
        params: stripe.params.PaymentIntentCreateParams = {
            "amount": _amount(order),
            "currency": order.currency.lower(),
            "customer": order.account,
            "payment_method": order.payment_method,
            "confirm": True,
            "off_session": True,
            "description": order.description,
            "metadata": {METADATA_KEY: str(order.key)},
        }
        if order.method_kind:
            # Without it, Stripe assumes any kind that is enabled, also those that would need a page to return to.
            params["allowed_payment_method_types"] = [order.method_kind]
        return _payment_response(
            _call(lambda: self._client().v1.payment_intents.create(params, _idempotency_key("charge", order)))
        )

    def open_page(self, order: PaymentOrder, *, back_to: str) -> ProviderResponse:
        try:
            amount = _amount(order)
        except _StripeRefusal as refused:
            return ProviderResponse(DECLINED, code=refused.code, reason=str(refused))
        price_data: stripe.params.checkout.SessionCreateParamsLineItemPriceData = {
            "currency": order.currency.lower(),
            "unit_amount": amount,
            "product_data": {"name": order.description},
        }
        params: stripe.params.checkout.SessionCreateParams = {
            "mode": "payment",
            "customer": order.account,
            "line_items": [{"quantity": 1, "price_data": price_data}],
            "metadata": {METADATA_KEY: str(order.key)},
            "payment_intent_data": {"metadata": {METADATA_KEY: str(order.key)}, "description": order.description},
            # By the stored time: Stripe rejects a repeated key whose parameters differ.
            "expires_at": int((order.sent_at + PAGE_LIFETIME).timestamp()),
            "success_url": back_to,
            "cancel_url": back_to,
        }
        if self._method_kinds:
            params["allowed_payment_method_types"] = cast(Any, list(self._method_kinds))
        return self._session_response(
            _call(lambda: self._client().v1.checkout.sessions.create(params, _idempotency_key("page", order)))
        )

    def close_page(self, order: PaymentOrder) -> ProviderResponse:
        try:
            return self._session_response(_call(lambda: self._client().v1.checkout.sessions.expire(order.ref)))
        except _StripeRefusal:  # it is no longer open: look up its outcome
            return self.find_payment(order) or ProviderResponse(CANCELED, order.ref)

    def find_payment(self, order: PaymentOrder) -> ProviderResponse | None:
        client = self._client().v1
        if order.ref.startswith("cs_"):
            return self._session_response(_call(lambda: client.checkout.sessions.retrieve(order.ref)))
        if order.ref:
            return _payment_response(_call(lambda: client.payment_intents.retrieve(order.ref)))
        if not order.payment_method:
            return _find_by_key(order, client.checkout.sessions.list, self._session_response)
        return _find_by_key(order, client.payment_intents.list, _payment_response)

    def _session_response(self, session: Any) -> ProviderResponse:
        if session.payment_status == "paid":
            return ProviderResponse(SUCCEEDED, session.id)
        if session.status == "complete":
            # Paid by a method whose bank answers later: only the payment intent names the outcome, a failure too.
            intent = _call(lambda: self._client().v1.payment_intents.retrieve(session.payment_intent))
            return replace(_payment_response(intent), ref=session.id)
        state = CANCELED if session.status == "expired" else PENDING
        closes_at = datetime.fromtimestamp(session.expires_at, UTC)
        return ProviderResponse(state, session.id, page=session.url or "", closes_at=closes_at)

    @_declined_on_refusal
    def refund(self, order: PaymentOrder) -> ProviderResponse:
        params: stripe.params.RefundCreateParams = {
            "amount": _amount(order),
            "metadata": {METADATA_KEY: str(order.key)},
            "payment_intent": self._payment_intent_id(order.payment_ref),
        }
        return _refund_response(
            _call(lambda: self._client().v1.refunds.create(params, _idempotency_key("refund", order)))
        )

    def find_refund(self, order: PaymentOrder) -> ProviderResponse | None:
        client = self._client().v1
        if order.ref:
            return _refund_response(_call(lambda: client.refunds.retrieve(order.ref)))
        refunds = _list_all(client.refunds.list, {"payment_intent": self._payment_intent_id(order.payment_ref)})
        return next((_refund_response(refund) for refund in refunds if _own_key(refund) == str(order.key)), None)

    @_misconfigured_on_refusal
    def create_account(self, *, key: str, name: str, email: str) -> str:
        params: stripe.params.CustomerCreateParams = {"name": name, "metadata": {METADATA_KEY: key}}
        if email:
            params["email"] = email
        stripe_customer = _call(
            lambda: self._client().v1.customers.create(params, {"idempotency_key": f"account-{key}"})
        )
        return str(stripe_customer.id)

    @_misconfigured_on_refusal
    def setup_page(self, *, account: str, key: str, currency: str, back_to: str, replaces: str = "") -> str:
        params: stripe.params.checkout.SessionCreateParams = {
            "mode": "setup",
            "customer": account,
            "currency": currency.lower(),
            "success_url": back_to,
            "cancel_url": back_to,
            "metadata": {METADATA_KEY: key},
            "setup_intent_data": {"metadata": {REPLACES_KEY: replaces}},
        }
        if reusable_kinds := [kind for kind in self._method_kinds if kind in REUSABLE_KINDS]:
            params["allowed_payment_method_types"] = cast(Any, reusable_kinds)
        session = _call(
            lambda: self._client().v1.checkout.sessions.create(params, {"idempotency_key": f"setup-{key}"})
        )
        return str(session.url)

    @_misconfigured_on_refusal
    def list_payment_methods(self, account: str) -> list[ProviderPaymentMethod]:
        payment_methods = _list_all(partial(self._client().v1.customers.payment_methods.list, account), {})
        return [_payment_method(payment_method) for payment_method in payment_methods]

    @_misconfigured_on_refusal
    def find_setup(self, payment_method: str) -> ProviderSetup:
        setup_intents = _list_all(
            self._client().v1.setup_intents.list, {"payment_method": payment_method, "expand": ["data.mandate"]}
        )
        for setup_intent in setup_intents:
            details = setup_intent.mandate and setup_intent.mandate.payment_method_details
            of_kind = details and getattr(details, details.type, None)
            return ProviderSetup(
                mandate=str(getattr(of_kind, "reference", None) or ""),
                replaces=str(getattr(setup_intent.metadata, REPLACES_KEY, "")),
            )
        return ProviderSetup()

    def detach_payment_method(self, payment_method: str) -> None:
        try:
            _call(lambda: self._client().v1.payment_methods.detach(payment_method))
        except _StripeRefusal:  # it is gone already
            return

    def list_records(self, start: datetime, end: datetime) -> Iterator[ProviderRecord]:
        client = self._client().v1
        params = {"created": {"gte": int(start.timestamp()), "lt": int(end.timestamp())}}
        for record in _list_all(client.payment_intents.list, params):
            yield _record("charge", record, _PAYMENT_STATES)
        for record in _list_all(client.refunds.list, params):
            yield _record("refund", record, _REFUND_STATES)


def _client(secret_key: str) -> stripe.StripeClient:
    """
    Return this thread's client of an account: two requests must not share a connection at the same time.

    Nor may two processes: a forked process inherits its parent's connection and would read the parent's responses.
    """
    if not secret_key:
        raise Misconfigured("Stripe is not configured. Set TOLLBOOK_STRIPE_SECRET_KEY.")
    made_of = os.getpid(), settings.STRIPE_API_BASE
    if getattr(_local, "made_of", None) != made_of:
        _local.clients, _local.made_of = {}, made_of
    clients: dict[str, stripe.StripeClient] = _local.clients
    if secret_key not in clients:
        # One client for each account: sellers may have their own.
        clients[secret_key] = stripe.StripeClient(
            secret_key,
            base_addresses={"api": settings.STRIPE_API_BASE},
            max_network_retries=0,  # whether to ask again is decided from our own row
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        )
    return clients[secret_key]


def _call(request: Callable[[], Any]) -> Any:
    """
    Return Stripe's response to a request.

    :raises OutcomeUnknown: if the request may have been executed. :raises Misconfigured: if our key is not permitted.
    :raises _StripeRefusal: if it was not executed.
    """
    try:
        return request()
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise Misconfigured(f"Stripe rejects the configured key: {_error_text(error)}") from error
    except stripe.RateLimitError as error:
        raise OutcomeUnknown(f"Stripe's rate limit is reached: {_error_text(error)}") from error
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        if error.http_status == 409:  # the first request with this key is still under way
            raise OutcomeUnknown(f"Stripe is still processing the request: {_error_text(error)}") from error
        code = getattr(error.error, "decline_code", None) or error.code
        payment_intent = getattr(error.error, "payment_intent", None)
        raise _StripeRefusal(
            code or "refused", _error_text(error), payment_intent.id if payment_intent else ""
        ) from error
    except stripe.IdempotencyError as error:
        raise Misconfigured(f"An idempotency key was reused for another request: {_error_text(error)}") from error
    except stripe.StripeError as error:
        raise OutcomeUnknown(f"{type(error).__name__}: {_error_text(error)}") from error


def _error_text(error: stripe.StripeError) -> str:
    return error.user_message or str(error) or type(error).__name__


def _idempotency_key(action: str, order: PaymentOrder) -> Any:
    return {"idempotency_key": f"{action}-{order.key}"}


def _amount(order: PaymentOrder) -> int:
    try:
        return to_minor(order.amount, order.currency)
    except UnsupportedAmount as error:
        raise _StripeRefusal("amount", str(error)) from error


def _find_by_key(
    order: PaymentOrder, list_objects: Callable[[Any], Any], to_response: Callable[[Any], ProviderResponse]
) -> ProviderResponse | None:
    since = int((order.sent_at - CLOCK_TOLERANCE).timestamp())
    stripe_objects = _list_all(list_objects, {"customer": order.account, "created": {"gte": since}})
    return next(
        (to_response(stripe_object) for stripe_object in stripe_objects if _own_key(stripe_object) == str(order.key)),
        None,
    )


def _list_all(list_objects: Callable[[Any], Any], params: dict[str, Any]) -> Iterator[Any]:
    """Yield all listed objects, newest first, in pages of a hundred. :raises: as `_call`."""
    stripe_objects = _call(lambda: list_objects(params | {"limit": 100})).auto_paging_iter()
    while (stripe_object := _call(lambda: next(stripe_objects, None))) is not None:
        yield stripe_object


def _own_key(stripe_object: Any) -> str:
    return str(getattr(stripe_object.metadata, METADATA_KEY, ""))


def _payment_response(intent: Any) -> ProviderResponse:
    state = _PAYMENT_STATES.get(intent.status, PENDING)
    if intent.status == "requires_action":  # its owner is not there to confirm it
        return ProviderResponse(
            DECLINED, intent.id, "authentication_required", "The bank requires the customer's confirmation"
        )
    error = intent.last_payment_error
    reason = (error and error.message) or (f"Stripe says {intent.status}" if state == PENDING else "")
    code = (error and (getattr(error, "decline_code", "") or error.code)) or ""
    return ProviderResponse(state, intent.id, code, reason or "", is_processing=intent.status == "processing")


def _refund_response(refund: Any) -> ProviderResponse:
    state = _REFUND_STATES.get(refund.status, PENDING)
    return ProviderResponse(state, refund.id, refund.failure_reason or "" if state == DECLINED else "")


def _payment_method(payment_method: Any) -> ProviderPaymentMethod:
    if payment_method.type == "card":
        card = payment_method.card
        label = f"{card.brand.title()} {card.last4}"
        return ProviderPaymentMethod(payment_method.id, label, (card.exp_year, card.exp_month), kind="card")
    kind = payment_method.type
    account: Any = getattr(payment_method, kind, None)
    if kind == "sepa_debit":
        label = f"SEPA {account.country} {account.bank_code} {account.last4}"
    else:
        label = f"{kind.replace('_', ' ')} {getattr(account, 'last4', None) or ''}".strip()
    return ProviderPaymentMethod(payment_method.id, label[:80], kind=kind)


def _record(kind: str, stripe_object: Any, states: dict[str, str]) -> ProviderRecord:
    amount = from_minor(stripe_object.amount, stripe_object.currency)
    created_at = datetime.fromtimestamp(stripe_object.created, UTC)
    state = states.get(stripe_object.status, PENDING)
    return ProviderRecord(
        kind, stripe_object.id, _own_key(stripe_object), state, amount, stripe_object.currency.upper(), created_at
    )
