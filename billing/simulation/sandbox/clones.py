"""
Clone a live customer into the sandbox: docs/sandbox.md#clones.

The clone starts a number of periods ago, on a test clock of its own and on the prices that the customer has now. It
starts without any history; advancing its clock repeats the customer's history, usage included.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext

from billing import subscriptions as subscription_operations
from billing.metering.store.event_removals import EventsRemoved, require_events
from billing.models import Clone, Override, Subscription, SubscriptionCommitment, SubscriptionQuantity
from billing.models.periods import PeriodKind
from billing.models.subscriptions import RUNNING_STATES
from billing.subscriptions.terms.commitments import set_commitment
from billing.subscriptions.terms.price_overrides import in_force_after
from billing.subscriptions.terms.quantities import to_quantity_changes
from customers.models import Customer, TestClock
from customers.registration import announce_customer_created
from lib.audit_log import audited_transaction
from lib.decimals import ZERO
from plans.catalog.stored_terms import load_terms
from plans.pricing.quantity_segments import quantity_at
from wallets.ledger.grant import Grant, grant
from wallets.models import Lot, LotKind, Wallet
from wallets.models.ledger import Account
from wallets.operations.wallet_settings import SETTINGS, open_wallet

# Two years of monthly periods, whose usage is replayed event by event.
MAX_PERIODS = 24
REASON = "Tax identity of the cloned customer"
SMALLEST_AMOUNT = Decimal("0.000000000001")
"""Precision of amounts in the ledger."""

COPIED_FIELDS = (
    *("legal_name", "address_line1", "address_line2", "postal_code", "city", "region", "country", "tax_number"),
    *("email", "time_zone", "locale", "seller_id", "currency", "purchase_order", "tax_exemption"),
    *(
        "tax_code",
        "checked_tax_number",
        "tax_number_is_valid",
        "tax_number_checked_at",
        "tax_number_proof",
        "net_days",
        "billed_each",
        "one_document",
    ),
)
"""Fields of a customer that are copied to the clone: everything that its invoices are made of."""

COMMITMENT_FIELDS = (
    *("minimum", "feature", "units", "per_window"),
    *("periods", "overage_factor", "discount", "trues_up"),
)

PLAN_LOT_KINDS = (LotKind.INCLUDED, LotKind.ROLLOVER)
"""
Lots that the clone doesn't get as copies: its own periods grant included credits, and rollovers come from any lot.
"""


class CannotClone(Exception):
    """A customer can't be cloned; the text says why."""


@dataclass(slots=True)
class CloneDraft:
    """
    A clone while it is being created.

    since: the time its clock starts at. suffix: appended to its names. left_out: what could not be copied, as
    sentences.
    """

    customer: Customer
    suffix: str
    since: datetime
    by: User | None
    left_out: list[str] = field(default_factory=list)

    def attempt(self, label: str, operation: Callable[..., Any], /, **arguments: Any) -> None:
        """Call an operation for the clone; if it refuses today what it once allowed, record `label` as left out."""
        try:
            with transaction.atomic():
                operation(**arguments, at=self.since, by=self.by)
        except (
            subscription_operations.SubscriptionRefused,
            subscription_operations.OverrideRefused,
            subscription_operations.QuantityRefused,
        ) as error:
            self.left_out.append(f"{label}: {error}")


def clone(*, source: Customer, periods: int, at: datetime, by: User | None) -> tuple[Clone, list[str]]:
    """
    Return a sandbox clone of a live customer, starting `periods` periods before the current one, and what was left
    out.

    periods: 1 to 24; a customer with fewer periods is cloned from the first one. The second value says in sentences
    what could not be copied.

    :raises CannotClone: if the customer is a sandbox customer, has no running subscription, or events of these
        periods have left.
    """
    if source.sandbox:
        raise CannotClone(gettext("%(customer)s is a sandbox customer; select a live one.") % {"customer": source})
    if not 1 <= periods <= MAX_PERIODS:
        raise CannotClone(
            gettext("Enter 1 to %(most)s periods, not %(periods)s.") % {"most": MAX_PERIODS, "periods": periods}
        )
    with audited_transaction("clone into the sandbox", by=by, at=at, customer=source.pk):
        # Clones of one customer are created one at a time, so that two of them never choose the same suffix.
        source = Customer.objects.select_for_update(no_key=True).get(pk=source.pk)
        running = Subscription.objects.filter(customer=source, state__in=RUNNING_STATES, starts_at__lte=at)
        starts = {
            subscription: _clone_start(subscription, periods, at)
            for subscription in running.select_related("version__plan").order_by("pk")
        }
        if not starts:
            raise CannotClone(
                gettext("%(customer)s has no active subscription, so there is nothing to bill.")
                % {"customer": source}
            )
        since, suffix = min(starts.values()), _suffix(source, starts)
        try:
            require_events(customer_id=source.pk, since=since)
        except EventsRemoved as error:
            raise CannotClone(gettext("%(reason)s Select fewer periods.") % {"reason": error}) from error
        external_id = f"{source.external_id}{suffix}"
        clock = TestClock.objects.create(name=_clock_name(external_id, at), now=since, created_by=by)
        customer = Customer.objects.create(
            external_id=external_id,
            sandbox=True,
            test_clock=clock,
            **{name: getattr(source, name) for name in COPIED_FIELDS},
        )
        announce_customer_created(customer, at=since)
        record = Clone.objects.create(
            customer=customer, source=source, since=since, until=at, created_at=at, created_by=by
        )
        draft = CloneDraft(customer, suffix, since, by)
        for wallet in Wallet.objects.filter(customer=source, closed_at__isnull=True).order_by("pk"):
            _copy_wallet(wallet, draft)
        for subscription, starts_at in starts.items():
            _copy_subscription(subscription, draft, starts_at)
        _copy_customer_coupons(source, draft)
        return record, draft.left_out


def _clone_start(subscription: Subscription, periods: int, at: datetime) -> datetime:
    """
    Return the start of the period that many periods before the current one, or of the first one if there are fewer.
    """
    periods_started = subscription.periods.filter(kind=PeriodKind.REGULAR, is_trial=False, continues__isnull=True)
    starts = periods_started.filter(starts_at__lte=at).order_by("-starts_at").values_list("starts_at", flat=True)
    return list(starts[: periods + 1] or [subscription.starts_at])[-1]


def _clock_name(external_id: str, at: datetime) -> str:
    """
    Return an unused clock name: the clone's id, the creation time, and a number if several clones share that second.
    """
    name = f"Clone {external_id[-80:]}, {at:%Y-%m-%d %H:%M:%S}"
    others = TestClock.objects.filter(name__startswith=name).count()
    return f"{name} ({others + 1})" if others else name


def _suffix(source: Customer, subscriptions: Iterable[Subscription]) -> str:
    """Return a suffix that makes the clone's names unused in the sandbox; empty if they are unused without one."""
    subscription_names = [subscription.external_id for subscription in subscriptions]
    for number in count(1):
        suffix = "" if number == 1 else f"-{number}"
        customers = Customer.objects.filter(sandbox=True, external_id=f"{source.external_id}{suffix}")
        candidate_names = [f"{name}{suffix}" for name in subscription_names]
        if not (
            customers.exists() or Subscription.objects.filter(sandbox=True, external_id__in=candidate_names).exists()
        ):
            return suffix
    raise AssertionError("unreachable")


def _copy_subscription(source: Subscription, draft: CloneDraft, starts_at: datetime) -> None:
    """
    Subscribe the clone to the customer's current version, with its quantities, overrides, commitments and coupons.
    """
    fees = load_terms(source.version_id, str(source.currency)).unit_fees
    changes = to_quantity_changes(SubscriptionQuantity.objects.in_order().filter(subscription=source))
    subscription = subscription_operations.start(
        customer=draft.customer,
        version=source.version,
        currency=str(source.currency),
        seller=source.seller,
        external_id=f"{source.external_id}{draft.suffix}",
        starts_at=starts_at,
        anchor_at=source.anchor_at,
        ends_at=source.ends_at,
        named=source.named,
        trial_days=0,
        quantities={fee.code: quantity_at(changes.get(fee.code, ()), starts_at, default=fee.least) for fee in fees},
        at=draft.since,
        by=draft.by,
    )
    for code, fee_changes in changes.items():
        for quantity_change in fee_changes:
            if quantity_change.since > starts_at:
                draft.attempt(
                    f"{quantity_change.quantity} of {code}",
                    subscription_operations.set_quantity,
                    fee_code=code,
                    quantity=quantity_change.quantity,
                    since=quantity_change.since,
                    subscription=subscription,
                )
    for override in in_force_after(starts_at, Override.objects.filter(subscription=source)).order_by(
        "starts_at", "pk"
    ):
        draft.attempt(
            str(override),
            subscription_operations.override,
            subscription=subscription,
            feature=override.feature,
            figure=override.figure,
            value=override.value,
            match=override.match,
            **_remaining_terms(override, starts_at),
        )
    commitments = in_force_after(starts_at, SubscriptionCommitment.objects.filter(subscription=source))
    for commitment in commitments.order_by("starts_at", "pk"):
        draft.attempt(
            "its commitment",
            set_commitment,
            subscription=subscription,
            **{name: getattr(commitment, name) for name in COMMITMENT_FIELDS},
            **_remaining_terms(commitment, starts_at),
        )
    promotion_coupons = subscription.redemptions.values("coupon")
    active_redemptions = source.redemptions.filter(ended_at__isnull=True).exclude(coupon__in=promotion_coupons)
    for redemption in active_redemptions.select_related("coupon").order_by("position"):
        draft.attempt(
            str(redemption.coupon),
            subscription_operations.apply_coupon,
            subscription=subscription,
            coupon=redemption.coupon,
        )


def _copy_customer_coupons(source: Customer, draft: CloneDraft) -> None:
    """Give the clone the customer's own coupons, after those of its subscriptions."""
    active_redemptions = source.redemptions.filter(ended_at__isnull=True).select_related("coupon")
    for redemption in active_redemptions.order_by("position"):
        draft.attempt(
            str(redemption.coupon),
            subscription_operations.apply_customer_coupon,
            customer=draft.customer,
            coupon=redemption.coupon,
        )


def _remaining_terms(agreement: Override | SubscriptionCommitment, since: datetime) -> dict[str, Any]:
    return {
        "starts_at": max(agreement.starts_at, since),
        "ends_at": agreement.ends_at,
        "reason": f"{REASON}: {agreement.reason}",
    }


def _copy_wallet(wallet: Wallet, draft: CloneDraft) -> None:
    """
    Give the clone a copy of a wallet: its lots as of the clone's start, and the lots granted since.

    Lots of included credits and rollovers are left out: the clone's own periods grant them at their time.
    """
    settings = {name: getattr(wallet, name) for name in SETTINGS}
    unit, currency = wallet.unit, str(wallet.currency)
    existing = Wallet.objects.filter(customer=draft.customer, name=wallet.name).first()
    clone_wallet = existing or open_wallet(
        customer=draft.customer, seller=wallet.seller, unit=unit, currency=currency, at=draft.since, **settings
    )
    lots = Lot.objects.filter(wallet=wallet).exclude(kind__in=PLAN_LOT_KINDS)
    lots = lots.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=draft.since)).order_by("pk")
    until_start = Q(entries__account=Account.WALLET, entries__transaction__at__lte=draft.since)
    grants = []
    for lot in lots.annotate(left_then=Sum("entries__units", filter=until_start)):
        units = lot.amount if lot.granted_at > draft.since else (lot.left_then or ZERO)
        if units > 0:
            grants.append(_grant_again(lot, units, since=draft.since))
    if grants:
        by_id = draft.by.pk if draft.by else None
        grant(wallet_id=clone_wallet.pk, grants=grants, at=draft.since, reason=REASON, by_id=by_id)


def _grant_again(lot: Lot, units: Decimal, *, since: datetime) -> Grant:
    return Grant(
        LotKind(lot.kind),
        units,
        f"clone:{lot.pk}",
        cost=(lot.cost * units / lot.amount).quantize(SMALLEST_AMOUNT),
        valid_from=max(lot.valid_from, lot.granted_at, since),
        expires_at=lot.expires_at,
        features=lot.features,
        priority=lot.priority,
        is_paid=lot.is_paid,
        rolls_over=lot.rolls_over,
        rollover_most=lot.rollover_most,
        rollover_days=lot.rollover_days,
        rollover_ends=lot.rollover_ends,
        granted_at=lot.granted_at,
    )
