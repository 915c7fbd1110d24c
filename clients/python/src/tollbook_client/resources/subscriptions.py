"""Who is on which plan, since when, and what a change would come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from tollbook_client import serialization
from tollbook_client.connection import Connection
from tollbook_client.deserialization import read
from tollbook_client.pages import Pages
from tollbook_client.resources.documents import InvoicePreview
from tollbook_client.serialization import OMITTED


@dataclass(frozen=True, slots=True)
class PeriodSpan:
    """From `start` up to, and without, `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ScheduledChange:
    """The version that a subscription moves to, and when."""

    plan: str
    version: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when it is paused, or will be, and until when, if that is known."""

    starts_at: datetime
    resumes_at: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class QuantityHeld:
    """How many of a fee's units a subscription has, such as seats."""

    fee: str
    label: str
    quantity: int
    included: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """A customer on a plan. state: draft, trialing, active, paused, canceled or ended."""

    id: str
    customer: str
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
class ChangeResult:
    """A subscription and the document that its change leads to."""

    subscription: Subscription
    document: InvoicePreview


class Subscriptions:
    """`client.subscriptions`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self, *, customer: str | None = None, plan: str | None = None, state: str | None = None
    ) -> Pages[Subscription]:
        """Return subscriptions, of one customer, on one plan or in one state."""
        return Pages(
            self._connection, "/subscriptions", Subscription, {"customer": customer, "plan": plan, "state": state}
        )

    def get(self, id: str) -> Subscription:
        """:raises NotFound: if there is none."""
        return read(Subscription, self._connection.json("GET", _path(id)))

    def create(
        self,
        *,
        customer: str,
        plan: str,
        id: str = OMITTED,
        version: int = OMITTED,
        currency: str = OMITTED,
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
        Subscribe a customer, from now on unless `starts_at` says otherwise.

        :raises Conflict: if a feature is priced by another subscription of the customer already.
        """
        body = serialization.without_omitted(
            customer=customer,
            plan=plan,
            id=id,
            version=version,
            currency=currency,
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
        return read(InvoicePreview, self._connection.json("GET", _path(id) + "/upcoming"))

    def preview_change(self, id: str, *, plan: str, **when: Any) -> ChangeResult:
        """Return what a change would come to, and change nothing. when: as of `change`."""
        return self._change(id, {"plan": plan, "preview": True, **when}, None)

    def change(
        self,
        id: str,
        *,
        plan: str,
        version: int = OMITTED,
        at: datetime = OMITTED,
        at_period_end: bool = OMITTED,
        idempotency_key: str | None = None,
    ) -> ChangeResult:
        """Move it to another plan or version: now, at a moment to come, or where its next period begins."""
        body = serialization.without_omitted(plan=plan, version=version, at=at, at_period_end=at_period_end)
        return self._change(id, body, idempotency_key)

    def preview_cancellation(self, id: str, **how: Any) -> InvoicePreview:
        """Return the last document of it, as `cancel` with the same would lead to."""
        return read(InvoicePreview, self._connection.json("POST", _path(id) + "/cancel/preview", body=how))

    def cancel(
        self,
        id: str,
        *,
        when: Literal["period_end", "now"] = OMITTED,
        ends_at: datetime = OMITTED,
        give_back: Literal["none", "credit", "refund"] = OMITTED,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """End it, at the end of its running period unless told otherwise."""
        body = serialization.without_omitted(when=when, ends_at=ends_at, give_back=give_back)
        return self._post(f"/{quote(id, safe='')}/cancel", body, idempotency_key)

    def withdraw_cancellation(self, id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Let it go on after all."""
        return self._post(f"/{quote(id, safe='')}/cancel/withdraw", {}, idempotency_key)

    def pause(self, id: str, *, idempotency_key: str | None = None, **how: Any) -> Subscription:
        """Pause it. how: starts_at, at_period_end, resumes_at, give_back, reason."""
        return self._post(f"/{quote(id, safe='')}/pause", how, idempotency_key)

    def resume(self, id: str, *, resumes_at: datetime = OMITTED, idempotency_key: str | None = None) -> Subscription:
        """Let a paused one go on, now unless told otherwise."""
        return self._post(
            f"/{quote(id, safe='')}/resume", serialization.without_omitted(resumes_at=resumes_at), idempotency_key
        )

    def set_quantity(
        self, id: str, fee: str, quantity: int, *, since: datetime = OMITTED, reason: str = OMITTED
    ) -> Subscription:
        """Set how many seats or add-ons it has."""
        body = serialization.without_omitted(quantity=quantity, since=since, reason=reason)
        path = f"{_path(id)}/quantities/{quote(fee, safe='')}"
        return read(Subscription, self._connection.json("PUT", path, body=body))

    def _post(self, path: str, body: Mapping[str, Any], idempotency_key: str | None) -> Subscription:
        told = self._connection.json("POST", "/subscriptions" + path, body=body, idempotency_key=idempotency_key)
        return read(Subscription, told)

    def _change(self, id: str, body: Mapping[str, Any], idempotency_key: str | None) -> ChangeResult:
        told = self._connection.json("POST", _path(id) + "/change", body=body, idempotency_key=idempotency_key)
        return read(ChangeResult, told)


def _path(id: str) -> str:
    return f"/subscriptions/{quote(id, safe='')}"
