"""
Clone a live customer into the sandbox: docs/sandbox.md#clones.

The clone begins some periods ago, in the time of a clock of its own, on the prices that the customer has now. Nothing
has happened to it then; advancing its clock lets all of it happen again, usage included.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F, Q, Sum

from billing import subscriptions as subscription_operations
from billing.models import Clone, Override, Subscription, SubscriptionCommitment, SubscriptionQuantity
from billing.models.periods import PeriodKind
from billing.models.subscriptions import RUNNING
from billing.subscriptions.terms.commitments import promise
from billing.subscriptions.terms.quantities import changes_in
from customers.models import Customer, TestClock
from customers.registration import tell_created
from lib.audit_log import change
from lib.decimals import ZERO
from plans.catalog.stored_terms import terms_of
from plans.pricing.quantity_segments import held_at
from wallets.ledger.grant import Grant, grant
from wallets.models import Lot, LotKind, Wallet
from wallets.models.ledger import Account
from wallets.operations.wallet_settings import SETTINGS, open_wallet

MOST_PERIODS = 24
AGREED = "As of the customer whom it was cloned from"
CENT = Decimal("0.000000000001")
"""The least that the ledger keeps of an amount."""

PARTY = (
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
"""What of a customer is copied: all that its documents are made of."""

PROMISED = ("minimum", "periods", "overage_factor", "discount", "trues_up")

BY_THE_PLAN = (LotKind.INCLUDED, LotKind.ROLLOVER)
"""Lots that periods of the clone are granted anew, and what rolls over of any."""


class CannotClone(Exception):
    """A customer cannot be cloned; the text says why."""


@dataclass(slots=True)
class Copy:
    """A clone that is being made: since when, and what could not be copied, in sentences. suffix: of its names."""

    customer: Customer
    suffix: str
    since: datetime
    by: AbstractBaseUser | None
    left_out: list[str] = field(default_factory=list)

    def tried(self, told: str, do: Callable[..., Any], /, **asked: Any) -> None:
        """Do something that was done for the customer; what is refused now is left out, and said so."""
        try:
            with transaction.atomic():
                do(**asked, at=self.since, by=self.by)
        except (
            subscription_operations.SubscriptionRefused,
            subscription_operations.OverrideRefused,
            subscription_operations.QuantityRefused,
        ) as refused:
            self.left_out.append(f"{told}: {refused}")


def clone(*, source: Customer, periods: int, at: datetime, by: AbstractBaseUser | None) -> tuple[Clone, list[str]]:
    """
    Return a sandbox customer like a live one, at the beginning of so many periods before the running one.

    periods: 1 to 24; as many as there were, if they are fewer. With it, in sentences, what could not be copied.

    :raises CannotClone: if the customer is a sandbox one, or no subscription of theirs runs.
    """
    if source.sandbox:
        raise CannotClone(f"{source} is a sandbox customer already: clone a live one.")
    if not 1 <= periods <= MOST_PERIODS:
        raise CannotClone(f"Clone 1 to {MOST_PERIODS} periods, not {periods}.")
    with change("clone into the sandbox", by=by, at=at, customer=source.pk):
        source = Customer.objects.select_for_update(no_key=True).get(
            pk=source.pk
        )  # one of theirs takes a name at a time
        running = Subscription.objects.filter(customer=source, state__in=RUNNING, starts_at__lte=at)
        starts = {one: _start(one, periods, at) for one in running.select_related("version__plan").order_by("pk")}
        if not starts:
            raise CannotClone(f"No subscription of {source} runs: there is nothing to bill by.")
        since, suffix = min(starts.values()), _suffix(source, starts)
        external_id = f"{source.external_id}{suffix}"
        clock = TestClock.objects.create(name=_clock_name(external_id, at), now=since, created_by=by)
        customer = Customer.objects.create(
            external_id=external_id,
            sandbox=True,
            test_clock=clock,
            **{name: getattr(source, name) for name in PARTY},
        )
        tell_created(customer, at=since)
        made = Clone.objects.create(
            customer=customer, source=source, since=since, until=at, created_at=at, created_by=by
        )
        copy = Copy(customer, suffix, since, by)
        for wallet in Wallet.objects.filter(customer=source, closed_at__isnull=True).order_by("pk"):
            _copy_wallet(wallet, copy)
        for one, starts_at in starts.items():
            _copy_subscription(one, copy, starts_at)
        return made, copy.left_out


def _start(subscription: Subscription, periods: int, at: datetime) -> datetime:
    """Return where the period began that is so many before the running one, or the first that there is."""
    found = subscription.periods.filter(kind=PeriodKind.REGULAR, is_trial=False, continues__isnull=True)
    starts = found.filter(starts_at__lte=at).order_by("-starts_at").values_list("starts_at", flat=True)
    return list(starts[: periods + 1] or [subscription.starts_at])[-1]


def _clock_name(external_id: str, at: datetime) -> str:
    """Return a name that no clock has: whose clone it is, made when, and which one of that second."""
    name = f"Clone {external_id[-80:]}, {at:%Y-%m-%d %H:%M:%S}"
    others = TestClock.objects.filter(name__startswith=name).count()
    return f"{name} ({others + 1})" if others else name


def _suffix(source: Customer, subscriptions: Iterable[Subscription]) -> str:
    """Return what the clone's names end with, so that all of them are free in the sandbox: nothing, if may be."""
    named = [one.external_id for one in subscriptions]
    for number in count(1):
        suffix = "" if number == 1 else f"-{number}"
        customers = Customer.objects.filter(sandbox=True, external_id=f"{source.external_id}{suffix}")
        theirs = [f"{name}{suffix}" for name in named]
        if not (customers.exists() or Subscription.objects.filter(sandbox=True, external_id__in=theirs).exists()):
            return suffix
    raise AssertionError("unreachable")


def _copy_subscription(one: Subscription, copy: Copy, starts_at: datetime) -> None:
    """Subscribe the clone to what the customer is on now, with what was agreed beside it."""
    fees = terms_of(one.version_id, str(one.currency)).held
    changes = changes_in(SubscriptionQuantity.objects.in_order().filter(subscription=one))
    made = subscription_operations.start(
        customer=copy.customer,
        version=one.version,
        currency=str(one.currency),
        external_id=f"{one.external_id}{copy.suffix}",
        starts_at=starts_at,
        anchor_at=one.anchor_at,
        ends_at=one.ends_at,
        named=one.named,
        trial_days=0,
        quantities={fee.code: held_at(changes.get(fee.code, ()), starts_at, otherwise=fee.least) for fee in fees},
        at=copy.since,
        by=copy.by,
    )
    for code, later in changes.items():
        for change_ in later:
            if change_.since > starts_at:
                copy.tried(
                    f"{change_.quantity} of {code}",
                    subscription_operations.set_quantity,
                    fee_code=code,
                    quantity=change_.quantity,
                    since=change_.since,
                    subscription=made,
                )
    for own in Override.objects.filter(_holds(starts_at), subscription=one).order_by("starts_at", "pk"):
        figures = {"feature": own.feature, "what": own.what, "value": own.value, "match": own.match}
        copy.tried(str(own), subscription_operations.override, subscription=made, **figures, **_span(own, starts_at))
    for own in SubscriptionCommitment.objects.filter(_holds(starts_at), subscription=one).order_by("starts_at", "pk"):
        figures = {
            name: getattr(own, name) for name in ("minimum", "periods", "overage_factor", "discount", "trues_up")
        }
        copy.tried("its commitment", promise, subscription=made, **figures, **_span(own, starts_at))
    promoted = made.redemptions.values("coupon")
    held_now = one.redemptions.filter(ended_at__isnull=True).exclude(coupon__in=promoted)
    for held in held_now.select_related("coupon").order_by("position"):
        copy.tried(str(held.coupon), subscription_operations.apply_coupon, subscription=made, coupon=held.coupon)


def _holds(since: datetime) -> Q:
    return (Q(ends_at__isnull=True) | Q(ends_at__gt=since)) & ~Q(ends_at=F("starts_at"))


def _span(own: Override | SubscriptionCommitment, since: datetime) -> dict[str, Any]:
    return {"starts_at": max(own.starts_at, since), "ends_at": own.ends_at, "reason": f"{AGREED}: {own.reason}"}


def _copy_wallet(wallet: Wallet, copy: Copy) -> None:
    """
    Give the clone a wallet like it, with what was in it when the clone begins, and what was put into it since.

    What periods include they are granted again, each at its time; so that is left out, and what rolled over.
    """
    settings = {name: getattr(wallet, name) for name in SETTINGS}
    unit, currency = wallet.unit, str(wallet.currency)
    found = Wallet.objects.filter(customer=copy.customer, name=wallet.name).first()
    made = found or open_wallet(customer=copy.customer, unit=unit, currency=currency, at=copy.since, **settings)
    lots = Lot.objects.filter(wallet=wallet).exclude(kind__in=BY_THE_PLAN)
    lots = lots.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=copy.since)).order_by("pk")
    then = Q(entries__account=Account.WALLET, entries__transaction__at__lte=copy.since)
    grants = []
    for lot in lots.annotate(left_then=Sum("entries__units", filter=then)):
        units = lot.amount if lot.granted_at > copy.since else (lot.left_then or ZERO)
        if units > 0:
            grants.append(_again(lot, units, since=copy.since))
    if grants:
        grant(wallet_id=made.pk, grants=grants, at=copy.since, reason=AGREED, by_id=copy.by and copy.by.pk)


def _again(lot: Lot, units: Decimal, *, since: datetime) -> Grant:
    return Grant(
        LotKind(lot.kind),
        units,
        f"clone:{lot.pk}",
        cost=(lot.cost * units / lot.amount).quantize(CENT),
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
