"""
Draft subscriptions: without effect until they are activated, and deleted completely before that.

The options of a draft are stored in `drafted`: trial_days, anchor_at, quantities (fee code → number) and coupons
(codes), each only if it was given.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from billing.models import Subscription
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions.lifecycle.creation import (
    begin_subscription,
    build_subscription,
    check_currency,
    lock_customer,
    save_subscription,
)
from billing.subscriptions.terms.feature_coverage import SubscriptionRefused
from customers.models import Customer, Seller
from lib.audit_log import audited_transaction
from plans.models import Coupon, PlanVersion

NO_QUANTITIES: Mapping[str, int] = {}


def draft(
    *,
    customer: Customer,
    version: PlanVersion,
    starts_at: datetime,
    at: datetime,
    currency: str | None = None,
    seller: Seller | None = None,
    external_id: str | None = None,
    anchor_at: datetime | None = None,
    ends_at: datetime | None = None,
    named: bool = False,
    coupons: Sequence[Coupon] = (),
    quantities: Mapping[str, int] | None = None,
    trial_days: int | None = None,
    by: User | None = None,
    replaced_draft: Subscription | None = None,
) -> Subscription:
    """
    Create a draft, with the arguments of `start`; its version may still be a draft.

    starts_at: when it starts, unless it is activated with another start.
    replaced_draft: a draft that it replaces, under the same id.

    :raises SubscriptionRefused: if the currency is not offered, the external id exists, or a time is impossible.
    """
    with audited_transaction("draft subscription", by=by, at=at):
        new_draft = build_subscription(
            customer,
            version=version,
            currency=currency or customer.currency,
            seller=seller or customer.seller,
            external_id=external_id or (replaced_draft.external_id if replaced_draft else None),
            named=named,
            starts_at=starts_at,
            anchor_at=anchor_at or starts_at,
            ends_at=ends_at,
            state=SubscriptionState.DRAFT,
        )
        check_currency(version, str(new_draft.currency))
        options = {
            "trial_days": trial_days,
            "anchor_at": anchor_at.isoformat() if anchor_at else None,
            "quantities": dict(quantities or NO_QUANTITIES),
            "coupons": [coupon.code for coupon in coupons],
        }
        new_draft.drafted = {name: value for name, value in options.items() if value not in (None, {}, [])}
        if replaced_draft is not None:
            locked_draft = _lock_draft(replaced_draft)
            # The same row: links to the draft stay valid.
            new_draft.pk, new_draft.created_at = locked_draft.pk, locked_draft.created_at
            new_draft.metadata, new_draft.tags = locked_draft.metadata, locked_draft.tags
        save_subscription(new_draft)
        return new_draft


def activate(
    *,
    subscription: Subscription,
    at: datetime,
    starts_at: datetime | None = None,
    by: User | None = None,
) -> Subscription:
    """
    Start a draft as it was prepared, at its own start or at another one: past, present or future.

    :raises SubscriptionRefused: if it is not a draft, or can't start; see `start`.
    """
    with audited_transaction("activate subscription", by=by, at=at):
        # Customer before subscription: the lock order of every change.
        customer = lock_customer(subscription.customer)
        locked_draft = _lock_draft(subscription)
        locked_draft.customer = customer
        locked_draft.starts_at = starts_at or locked_draft.starts_at
        if locked_draft.ends_at is not None and locked_draft.ends_at <= locked_draft.starts_at:
            raise SubscriptionRefused(
                _("The end (%(end)s) must be after the start. Choose an earlier start.")
                % {"end": f"{locked_draft.ends_at:%Y-%m-%d %H:%M %Z}"}
            )
        options, locked_draft.drafted = locked_draft.drafted, {}
        begin_subscription(locked_draft, **_read_options(options), at=at, by=by)
        return locked_draft


def discard(*, subscription: Subscription, at: datetime, by: User | None = None) -> None:
    """
    Delete a draft.

    :raises SubscriptionRefused: if it is not a draft, or has overrides or other terms of its own.
    """
    with audited_transaction("discard draft", by=by, at=at):
        try:
            _lock_draft(subscription).delete()
        except ProtectedError as error:
            raise SubscriptionRefused(
                _("%(subscription)s already has custom terms. Activate it, then cancel it.")
                % {"subscription": subscription}
            ) from error


def _lock_draft(subscription: Subscription) -> Subscription:
    # Row lock: a draft is activated, replaced or deleted only once.
    locked_draft = (
        Subscription.objects.select_for_update(no_key=True).select_related("version").get(pk=subscription.pk)
    )
    if locked_draft.state != SubscriptionState.DRAFT:
        raise SubscriptionRefused(
            _("%(subscription)s is %(state)s. Only a draft can be edited, activated, or discarded.")
            % {"subscription": locked_draft, "state": locked_draft.get_state_display()}
        )
    return locked_draft


def _read_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a draft's options as arguments of `begin_subscription`."""
    codes = options.get("coupons", [])
    coupons_by_code = Coupon.objects.in_bulk(codes, field_name="code")
    if missing := [code for code in codes if code not in coupons_by_code]:
        raise SubscriptionRefused(_("The coupon “%(code)s” no longer exists. Edit the draft.") % {"code": missing[0]})
    anchor_at = options.get("anchor_at")
    return {
        "anchor_at": datetime.fromisoformat(anchor_at) if anchor_at else None,
        "coupons": [coupons_by_code[code] for code in codes],
        "quantities": options.get("quantities", {}),
        "trial_days": options.get("trial_days"),
    }
