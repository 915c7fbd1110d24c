"""
Subscriptions that are prepared: without any effect until they are activated, and removed without a trace before.

What a draft is to begin with stands in `drafted`: trial_days, anchor_at, quantities (fee code → number) and coupons
(codes), each only where it was asked for.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import ProtectedError

from billing.models import Subscription
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions.lifecycle.creation import begin, check_currency, hold_customer, made_for, store
from billing.subscriptions.terms.feature_coverage import SubscriptionRefused
from customers.models import Customer
from lib.audit_log import change
from plans.models import Coupon, PlanVersion

NO_QUANTITIES: Mapping[str, int] = {}


def draft(
    *,
    customer: Customer,
    version: PlanVersion,
    starts_at: datetime,
    at: datetime,
    currency: str | None = None,
    external_id: str | None = None,
    anchor_at: datetime | None = None,
    ends_at: datetime | None = None,
    named: bool = False,
    coupons: Sequence[Coupon] = (),
    quantities: Mapping[str, int] | None = None,
    trial_days: int | None = None,
    by: AbstractBaseUser | None = None,
    instead_of: Subscription | None = None,
) -> Subscription:
    """
    Prepare a subscription, with the arguments of `start`; its version may still be a draft.

    starts_at: when it is to start, if it is activated before.
    instead_of: a draft that it takes the place of, under the same number.

    :raises SubscriptionRefused: if the currency is not offered, the name taken, or a moment impossible.
    """
    with change("draft subscription", by=by, at=at):
        found = made_for(
            customer,
            version=version,
            currency=currency or customer.currency,
            external_id=external_id or (instead_of.external_id if instead_of else None),
            named=named,
            starts_at=starts_at,
            anchor_at=anchor_at or starts_at,
            ends_at=ends_at,
            state=SubscriptionState.DRAFT,
        )
        check_currency(version, str(found.currency))
        wanted = {
            "trial_days": trial_days,
            "anchor_at": anchor_at.isoformat() if anchor_at else None,
            "quantities": dict(quantities or NO_QUANTITIES),
            "coupons": [coupon.code for coupon in coupons],
        }
        found.drafted = {name: value for name, value in wanted.items() if value not in (None, {}, [])}
        if instead_of is not None:
            former = _held(instead_of)
            found.pk, found.created_at = former.pk, former.created_at
        store(found)
        return found


def activate(
    *,
    subscription: Subscription,
    at: datetime,
    starts_at: datetime | None = None,
    by: AbstractBaseUser | None = None,
) -> Subscription:
    """
    Let a draft begin as it was prepared, at its own start, or at another one: past, now or to come.

    :raises SubscriptionRefused: if it is no draft, or cannot begin; see `start`.
    """
    with change("activate subscription", by=by, at=at):
        customer = hold_customer(subscription.customer)
        found = _held(subscription)
        found.customer = customer
        found.starts_at = starts_at or found.starts_at
        if found.ends_at is not None and found.ends_at <= found.starts_at:
            raise SubscriptionRefused(f"It would end ({found.ends_at}) before it starts: choose an earlier start.")
        wanted, found.drafted = found.drafted, {}
        begin(found, **_asked(wanted), at=at, by=by)
        return found


def discard(*, subscription: Subscription, at: datetime, by: AbstractBaseUser | None = None) -> None:
    """
    Remove a draft.

    :raises SubscriptionRefused: if it is no draft, or something was agreed for it.
    """
    with change("discard draft", by=by, at=at):
        try:
            _held(subscription).delete()
        except ProtectedError as error:
            raise SubscriptionRefused(
                f"Something was agreed for {subscription} already: activate it, and cancel it."
            ) from error


def _held(subscription: Subscription) -> Subscription:
    found = Subscription.objects.select_for_update(no_key=True).select_related("version").get(pk=subscription.pk)
    if found.state != SubscriptionState.DRAFT:
        raise SubscriptionRefused(
            f"{found} is {found.get_state_display()}: only a draft is edited, begun or removed."
        )
    return found


def _asked(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a draft is to begin with, as `begin` takes it."""
    codes = wanted.get("coupons", [])
    known = Coupon.objects.in_bulk(codes, field_name="code")
    if missing := [code for code in codes if code not in known]:
        raise SubscriptionRefused(f"There is no coupon “{missing[0]}” any more: edit the draft.")
    anchor_at = wanted.get("anchor_at")
    return {
        "anchor_at": datetime.fromisoformat(anchor_at) if anchor_at else None,
        "coupons": [known[code] for code in codes],
        "quantities": wanted.get("quantities", {}),
        "trial_days": wanted.get("trial_days"),
    }
