"""Creation of a subscription: a customer on a plan version."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from secrets import token_hex
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from billing.models import Period, Subscription
from billing.models.periods import PeriodKind
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions.lifecycle.trials import find_trial_end
from billing.subscriptions.periods.boundaries import MAX_PERIODS, period_anchor, period_intervals
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME, NewPeriod, insert_periods
from billing.subscriptions.terms.coupons import apply_promotions, redeem
from billing.subscriptions.terms.credit_grants import grant_included
from billing.subscriptions.terms.feature_coverage import (
    SubscriptionRefused,
    cover_features,
    invalidate_cached_periods,
)
from billing.subscriptions.terms.quantities import QuantityRefused, set_initial_quantities
from customers import notifications
from customers.models import Customer, Seller
from lib.audit_log import audited_transaction
from plans.catalog.stored_terms import VersionTerms, list_currencies, load_terms
from plans.models import Coupon, PlanVersion
from plans.models.prices import BillingTiming
from plans.models.versions import VersionState
from plans.publishing.publication import NotReady
from plans.publishing.sandbox_drafts import try_out


def start(
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
) -> Subscription:
    """
    Subscribe a customer from `starts_at`, which may be past (the time since is billed) or in the future.

    currency: one that the version charges in; default: the customer's.
    seller: the seller of its invoices; default: the customer's.
    external_id: the product's own id for it, unique; default: generated.
    anchor_at: start of the cycle of anniversary periods; default: the end of its trial, or `starts_at`.
    ends_at: when it ends by itself; by default it runs until canceled.
    named: whether only events that name it belong to it, so that it may price features that another subscription
        prices too.
    coupons: coupons from its start, in this order; the plan's promotions follow.
    quantities: fee code → initial number of seats or add-ons; default: the minimum of each.
    trial_days: days without fees, 0 for no trial; default: the version's, but only once per plan.

    :raises SubscriptionRefused: if the version is not published, the currency not offered, a quantity not allowed, or
        a time impossible.
    :raises FeatureAlreadyPriced: if another subscription of the customer covers one of its features at that time.
    :raises CouponRefused: if one of the coupons can't be applied to it.
    """
    with audited_transaction("subscribe", by=by, at=at):
        customer = lock_customer(customer)
        subscription = build_subscription(
            customer,
            version=version,
            currency=currency or customer.currency,
            seller=seller or customer.seller,
            external_id=external_id,
            named=named,
            starts_at=starts_at,
            ends_at=ends_at,
        )
        begin_subscription(
            subscription,
            anchor_at=anchor_at,
            coupons=coupons,
            quantities=quantities or {},
            trial_days=trial_days,
            at=at,
            by=by,
        )
        return subscription


def lock_customer(customer: Customer) -> Customer:
    """
    Lock a customer, so that its subscriptions are created one after the other: two overlapping coverages would
    deadlock.
    """
    return Customer.objects.select_for_update(no_key=True).select_related("seller").get(pk=customer.pk)


def build_subscription(customer: Customer, *, external_id: str | None, **fields: Any) -> Subscription:
    """
    Return an unsaved subscription; an external id is generated if there is none.

    :raises SubscriptionRefused: if it would end before it starts.
    """
    name = external_id or f"sub_{token_hex(10)}"
    subscription = Subscription(customer=customer, sandbox=customer.sandbox, external_id=name, **fields)
    if subscription.ends_at is not None and subscription.ends_at <= subscription.starts_at:
        raise SubscriptionRefused(
            _("The end (%(end)s) must be after the start (%(start)s).")
            % {
                "end": f"{subscription.ends_at:%Y-%m-%d %H:%M %Z}",
                "start": f"{subscription.starts_at:%Y-%m-%d %H:%M %Z}",
            }
        )
    return subscription


def begin_subscription(
    subscription: Subscription,
    *,
    anchor_at: datetime | None,
    coupons: Sequence[Coupon],
    quantities: Mapping[str, int],
    trial_days: int | None,
    at: datetime,
    by: User | None,
) -> None:
    """Start an unsaved subscription, or a draft; the caller has locked its customer."""
    customer, starts_at = subscription.customer, subscription.starts_at
    currency, sandbox = str(subscription.currency), subscription.sandbox
    terms = read_subscribable_terms(subscription.version, currency, sandbox=sandbox, at=at)
    trial_ends_at = find_trial_end(customer, subscription.version, starts_at=starts_at, days=trial_days)
    in_trial = trial_ends_at is not None and trial_ends_at > at
    subscription.state = SubscriptionState.TRIALING if in_trial else SubscriptionState.ACTIVE
    subscription.trial_ends_at = trial_ends_at
    subscription.anchor_at = anchor_at or trial_ends_at or starts_at
    # Rows of a test clock's customers are dated by that clock, not by the database.
    if customer.test_clock_id is not None:
        subscription.created_at = at
    save_subscription(subscription)
    try:
        set_initial_quantities(subscription, quantities, at=at)
    except QuantityRefused as error:
        raise SubscriptionRefused(str(error)) from error
    # Before any period exists, so that a conflicting subscription is refused first.
    cover_features(subscription, since=starts_at)
    invalidate_cached_periods(subscription, since=starts_at)
    _create_first_periods(subscription, customer, terms, at=at)
    for coupon in coupons:
        redeem(subscription, coupon, since=starts_at, at=at, by=by)
    apply_promotions(subscription, at=at)
    grant_included(subscription_ids=[subscription.pk], at=at)
    _announce_creation(subscription, at)


def _announce_creation(subscription: Subscription, at: datetime) -> None:
    version = subscription.version
    notifications.announce(
        kind="subscription.created",
        customer_id=subscription.customer_id,
        facts={
            "subscription": subscription.external_id,
            "plan": version.plan.code,
            "version": version.number,
            "currency": str(subscription.currency),
            "starts_at": subscription.starts_at.isoformat(),
        },
        key=f"subscription:{subscription.pk}:created",
        at=at,
    )


class CurrencyNotOffered(SubscriptionRefused):
    """A version has no prices in the currency; the text lists the currencies that it has."""


def read_subscribable_terms(version: PlanVersion, currency: str, *, sandbox: bool, at: datetime) -> VersionTerms:
    """
    Return the terms that the subscription would be billed by.

    sandbox: whether the version may be unpublished, in which case it is frozen (docs/sandbox.md#drafts).

    :raises SubscriptionRefused: if the subscription can't be billed by this version or currency.
    """
    # Read again, since the caller's copy may be older than a withdrawal of the version.
    state = PlanVersion.objects.values_list("state", flat=True).get(pk=version.pk)
    if state not in (VersionState.LIVE, VersionState.RETIRED):
        if not sandbox:
            raise SubscriptionRefused(
                _("%(version)s is %(state)s. Only a published version can be subscribed to.")
                % {"version": version, "state": VersionState(state).label}
            )
        try:
            try_out(version=version, at=at)
        except NotReady as error:
            raise SubscriptionRefused(
                _("%(version)s can't be used yet: %(problems)s")
                % {"version": version, "problems": " ".join(error.problems)}
            ) from error
    check_currency(version, currency)
    return load_terms(version.pk, currency)


def check_currency(version: PlanVersion, currency: str) -> None:
    """
    Check that a version can be billed in a currency.

    :raises CurrencyNotOffered: if the version has prices, but none in the currency.
    """
    offered = list_currencies(version)
    if offered and currency not in offered:
        *others, last = offered
        choice = f"{', '.join(others)} or {last}" if others else last
        raise CurrencyNotOffered(
            _("%(version)s has no prices in %(currency)s. Choose %(choice)s.")
            % {"version": version, "currency": currency, "choice": choice}
        )


def save_subscription(subscription: Subscription) -> None:
    """
    Store a new subscription, or one that was a draft.

    :raises SubscriptionRefused: if its external id exists already.
    """
    try:
        with transaction.atomic():
            subscription.save()
    except IntegrityError as error:
        name = subscription.external_id
        if Subscription.objects.filter(external_id=name, sandbox=subscription.sandbox).exists():
            raise SubscriptionRefused(
                _("A subscription %(name)s already exists. Enter another external ID.") % {"name": name}
            ) from error
        raise


def _create_first_periods(
    subscription: Subscription, customer: Customer, terms: VersionTerms, *, at: datetime
) -> None:
    """
    Create the regular periods up to now and a little ahead, and the period before them.

    That one is the trial or, without a trial, the opening period if a fee is due in advance.
    """
    starts_at, grace = subscription.starts_at, subscription.seller.grace
    if subscription.trial_ends_at is not None:
        ends_at = min(subscription.trial_ends_at, subscription.ends_at or subscription.trial_ends_at)
        _create_first_period(
            subscription, kind=PeriodKind.REGULAR, is_trial=True, ends_at=ends_at, due_at=ends_at + grace
        )
    elif any(fee.billed == BillingTiming.ADVANCE for fee in terms.fees):
        _create_first_period(subscription, kind=PeriodKind.OPENING, ends_at=starts_at, due_at=starts_at)
    anchor = period_anchor(terms, anchor_at=subscription.anchor_at, time_zone=customer.time_zone)
    paid_from, until = subscription.trial_ends_at or starts_at, max(at, starts_at) + PERIOD_LEAD_TIME
    intervals = period_intervals(anchor, start=paid_from, until=until, end=subscription.ends_at)
    # A start far in the past would create periods without bound.
    if len(intervals) == MAX_PERIODS:
        raise SubscriptionRefused(
            _("Starting at %(start)s would create %(most)s due periods at once. Choose a later start.")
            % {"start": f"{starts_at:%Y-%m-%d %H:%M %Z}", "most": f"{MAX_PERIODS:,}"}
        )
    insert_periods(
        [NewPeriod(subscription.pk, terms.version_id, *interval, interval[1] + grace) for interval in intervals]
    )


def _create_first_period(subscription: Subscription, **fields: object) -> None:
    Period.objects.create(
        subscription=subscription, version_id=subscription.version_id, starts_at=subscription.starts_at, **fields
    )
