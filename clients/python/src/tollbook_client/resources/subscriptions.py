"""Subscriptions: their plans and states, and previews of changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import quote

from tollbook_client import serialization
from tollbook_client.money import Money
from tollbook_client.pages import Pages
from tollbook_client.resources import Resource
from tollbook_client.serialization import OMITTED


@dataclass(frozen=True, slots=True)
class PeriodSpan:
    """The half-open interval [start, end)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ScheduledChange:
    """The version that a subscription will move to, and when."""

    plan: str
    version: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Pause:
    """A current or upcoming pause; resumes_at: None while its end is open."""

    starts_at: datetime
    resumes_at: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class QuantityHeld:
    """The quantity of a fee's units, such as seats."""

    fee: str
    label: str
    quantity: int
    included: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """A customer on a plan. state: draft, trialing, active, paused, canceled or ended."""

    id: str
    customer: str
    seller: str
    plan: str
    version: int
    currency: str
    state: str
    named: bool
    starts_at: datetime
    created_at: datetime
    anchor_at: datetime | None = None
    trial_ends_at: datetime | None = None
    ends_at: datetime | None = None
    canceled_at: datetime | None = None
    quantities: tuple[QuantityHeld, ...] = ()
    current_period: PeriodSpan | None = None
    scheduled_change: ScheduledChange | None = None
    pause: Pause | None = None


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """One line of a preview."""

    kind: str
    description: str
    service_start: datetime
    service_end: datetime
    quantity: Decimal
    amount: Money


@dataclass(frozen=True, slots=True)
class PreviewCreditNote:
    """A credit note that would be issued with the invoice. corrects: the number of its invoice."""

    lines: tuple[PreviewLine, ...]
    net: Money
    tax: Money
    total: Money
    corrects: str
    reason: str


@dataclass(frozen=True, slots=True)
class InvoicePreview:
    """An invoice as it would be issued, with its credit notes."""

    lines: tuple[PreviewLine, ...]
    net: Money
    tax: Money
    total: Money
    credit_notes: tuple[PreviewCreditNote, ...]


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """A subscription, and a preview of the invoice for its change."""

    subscription: Subscription
    document: InvoicePreview


class Subscriptions(Resource):
    """`client.subscriptions`."""

    def list(
        self, *, customer: str | None = None, plan: str | None = None, state: str | None = None
    ) -> Pages[Subscription]:
        """Return subscriptions, filtered by customer, plan or state."""
        return self._pages(Subscription, "/subscriptions", customer=customer, plan=plan, state=state)

    def get(self, id: str) -> Subscription:
        """
        Return a subscription.

        :raises NotFound: if it does not exist.
        """
        return self._call(Subscription, "GET", _path(id))

    def create(
        self,
        *,
        customer: str,
        plan: str,
        id: str = OMITTED,
        version: int = OMITTED,
        currency: str = OMITTED,
        seller: str = OMITTED,
        starts_at: datetime = OMITTED,
        ends_at: datetime = OMITTED,
        trial_days: int = OMITTED,
        coupons: Sequence[str] = OMITTED,
        named: bool = OMITTED,
        quantities: Mapping[str, int] = OMITTED,
        draft: bool = OMITTED,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """
        Subscribe a customer, from now on or from `starts_at`. seller: code of the seller of its invoices; by default
        the customer's.

        :raises Conflict: if another subscription of the customer already prices one of the features.
        """
        body = serialization.without_omitted(
            customer=customer,
            plan=plan,
            id=id,
            version=version,
            currency=currency,
            seller=seller,
            starts_at=starts_at,
            ends_at=ends_at,
            trial_days=trial_days,
            coupons=coupons,
            named=named,
            quantities=quantities,
            draft=draft,
        )
        return self._post("", body, idempotency_key)

    def upcoming(self, id: str) -> InvoicePreview:
        """Return the next invoice as it would be issued now."""
        return self._call(InvoicePreview, "GET", _path(id) + "/upcoming")

    def preview_change(self, id: str, *, plan: str, **options: Any) -> ChangeResult:
        """Return the effect of a change without making it. options: as in `change`."""
        return self._change(id, {"plan": plan, "preview": True, **options}, None)

    def change(
        self,
        id: str,
        *,
        plan: str,
        version: int = OMITTED,
        at: datetime = OMITTED,
        at_period_end: bool = OMITTED,
        billing_period: Literal["keep", "restart"] = OMITTED,
        idempotency_key: str | None = None,
    ) -> ChangeResult:
        """
        Move the subscription to another plan or version: now, at a later time, or at the start of its next period.

        billing_period: `restart` begins a whole billing period with the change.
        """
        body = serialization.without_omitted(
            plan=plan, version=version, at=at, at_period_end=at_period_end, billing_period=billing_period
        )
        return self._change(id, body, idempotency_key)

    def preview_cancellation(self, id: str, **options: Any) -> InvoicePreview:
        """Return the final invoice that `cancel` with the same options would issue."""
        return self._call(InvoicePreview, "POST", _path(id) + "/cancel/preview", body=options)

    def cancel(
        self,
        id: str,
        *,
        when: Literal["period_end", "now"] = OMITTED,
        ends_at: datetime = OMITTED,
        give_back: Literal["none", "credit", "refund"] = OMITTED,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """Cancel the subscription, by default at the end of the current period."""
        body = serialization.without_omitted(when=when, ends_at=ends_at, give_back=give_back)
        return self._post(f"/{quote(id, safe='')}/cancel", body, idempotency_key)

    def withdraw_cancellation(self, id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Undo a cancellation."""
        return self._post(f"/{quote(id, safe='')}/cancel/withdraw", {}, idempotency_key)

    def pause(self, id: str, *, idempotency_key: str | None = None, **options: Any) -> Subscription:
        """Pause the subscription. options: starts_at, at_period_end, resumes_at, give_back, reason."""
        return self._post(f"/{quote(id, safe='')}/pause", options, idempotency_key)

    def resume(self, id: str, *, resumes_at: datetime = OMITTED, idempotency_key: str | None = None) -> Subscription:
        """Resume a paused subscription, now or at `resumes_at`."""
        return self._post(
            f"/{quote(id, safe='')}/resume", serialization.without_omitted(resumes_at=resumes_at), idempotency_key
        )

    def set_quantity(
        self, id: str, fee: str, quantity: int, *, since: datetime = OMITTED, reason: str = OMITTED
    ) -> Subscription:
        """Set the quantity of seats or add-ons."""
        body = serialization.without_omitted(quantity=quantity, since=since, reason=reason)
        path = f"{_path(id)}/quantities/{quote(fee, safe='')}"
        return self._call(Subscription, "PUT", path, body=body)

    def _post(self, path: str, body: Mapping[str, Any], idempotency_key: str | None) -> Subscription:
        return self._call(Subscription, "POST", "/subscriptions" + path, body=body, idempotency_key=idempotency_key)

    def _change(self, id: str, body: Mapping[str, Any], idempotency_key: str | None) -> ChangeResult:
        return self._call(ChangeResult, "POST", _path(id) + "/change", body=body, idempotency_key=idempotency_key)


def _path(id: str) -> str:
    return f"/subscriptions/{quote(id, safe='')}"
