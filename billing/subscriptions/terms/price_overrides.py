"""Give a subscription a price, an allowance or a bound of its own, without touching the plan."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from billing.models import Override, Period, Subscription, SubscriptionCommitment
from billing.models.periods import PeriodKind, PeriodState
from billing.models.price_overrides import OverrideFigure
from billing.subscriptions.notifications import announce_update
from lib.audit_log import audited_transaction
from lib.decimals import to_plain_string
from plans.catalog.overrides import TermOverride, apply_overrides
from plans.catalog.stored_terms import FeatureTerms, load_terms
from plans.models import Feature


class OverrideRefused(Exception):
    """A figure cannot be overridden as asked; the text says why and what to do. field: which of the figures it is."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


def override(
    *,
    subscription: Subscription,
    feature: Feature,
    figure: str,
    value: Decimal,
    at: datetime,
    match: Mapping[str, str] | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    reason: str,
    by: AbstractBaseUser | None = None,
) -> Override:
    """
    Give a subscription a figure of its own, in place of its version's and of the one that it had before.

    what: one of `Overridden`. match: the rate whose price it is, where it is a price's.
    starts_at: every window of use that begins from then on is rated by it; the next period when absent.
    ends_at: it holds on when absent.

    :raises OverrideRefused: if the plan has nothing to override there, the figure cannot be charged by, or a period
        that it is for is billed already.
    """
    with audited_transaction("override", by=by, at=at):
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        lock_open_periods(subscription)
        starts_at = starts_at or next_period_start(subscription, at=at)
        made = Override(
            subscription=subscription,
            feature=feature,
            what=figure,
            match=dict(match or {}),
            value=value,
            starts_at=starts_at,
            ends_at=ends_at,
            reason=reason,
            created_by=by if by is not None and by.pk else None,
        )
        check_not_billed(subscription, starts_at)
        if ends_at is not None and ends_at <= starts_at:
            raise OverrideRefused("ends_at", f"It would end ({ends_at}) before it starts ({starts_at}).")
        _check_figure(made)
        replace_agreement(made, _same_target(made), conflict="It is overridden from {since} on already")
        _tell(made, "agreed", at=at)
        return made


def replace_agreement(
    agreement: Override | SubscriptionCommitment, overlapping: QuerySet[Any], *, conflict: str
) -> None:
    """
    Store what was agreed, and end what held in its place where it starts.

    beside: what is agreed about the same. taken: what is said where one of those starts later, with {since} for when.
    """
    overlapping.filter(starts_at__lte=agreement.starts_at).update(ends_at=agreement.starts_at)
    try:
        with transaction.atomic():
            agreement.save(force_insert=True)
    except IntegrityError as error:
        later = overlapping.order_by("starts_at").first()
        if later is None:
            raise
        why = f"{conflict.format(since=later.starts_at)}: end one of the two before the other."
        raise OverrideRefused("ends_at", why) from error


def end_override(
    *, override: Override, at: datetime, ends_at: datetime | None = None, by: AbstractBaseUser | None = None
) -> Override:
    """
    Let a figure be the version's again, for every window of use that begins from `ends_at` on.

    ends_at: the next period when absent. Before it has begun, an override is withdrawn: it ends as it starts.

    :raises OverrideRefused: if it has ended, or a period that it was for is billed already.
    """
    with audited_transaction("end override", by=by, at=at):
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=override.subscription_id)
        lock_open_periods(subscription)
        found = Override.objects.select_related("feature").get(pk=override.pk)
        ends_at = max(ends_at or next_period_start(subscription, at=at), found.starts_at)
        if found.ends_at is not None and found.ends_at <= ends_at:
            raise OverrideRefused("ends_at", f"It ends at {found.ends_at} already: choose an earlier moment.")
        check_not_billed(subscription, ends_at)
        found.ends_at = ends_at
        found.save(update_fields=["ends_at"])
        _tell(found, "ended", at=at)
        return found


def _tell(one: Override, what: str, *, at: datetime) -> None:
    told = {
        "override": one.pk,
        "feature": one.feature.code,
        "figure": str(one.what),
        "value": to_plain_string(one.value),
    }
    since = {"starts_at": one.starts_at.isoformat(), "ends_at": one.ends_at.isoformat() if one.ends_at else None}
    announce_update(one.subscription, "override", at=at, discriminator=f"{one.pk}:{what}", **told, **since)


def next_period_start(subscription: Subscription, *, at: datetime) -> datetime:
    """Return when the period that runs at `at` ends; before the start of the subscription, that start."""
    if at < subscription.starts_at:
        return subscription.starts_at
    running = Period.objects.filter(subscription=subscription, kind=PeriodKind.REGULAR).containing(at)
    return running.values_list("ends_at", flat=True).first() or at


def lock_open_periods(subscription: Subscription) -> None:
    """Lock the periods that may still be billed, so that none is closed between reading and changing its terms."""
    open_ = Period.objects.filter(subscription=subscription, state=PeriodState.OPEN)
    list(open_.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))


def check_not_billed(subscription: Subscription, since: datetime) -> None:
    billed = Period.objects.filter(
        subscription=subscription, kind=PeriodKind.REGULAR, state=PeriodState.CLOSED, starts_at__gte=since
    )
    if last := billed.order_by("-starts_at").first():
        raise OverrideRefused(
            "starts_at", f"The period {last} is billed already: choose {last.ends_at} or later, not {since}."
        )


def _check_figure(made: Override) -> None:
    """Refuse what the subscription's version has nothing for, and what cannot be charged by."""
    terms = load_terms(made.subscription.version_id, made.subscription.currency)
    feature = next((one for one in terms.features if one.feature_id == made.feature_id), None)
    if feature is None:
        raise OverrideRefused(
            "feature", f"{made.feature} is not metered in {made.subscription.version}: choose a feature that is."
        )
    _check_target(made, feature)
    agreed = {_agreed(one) for one in _others_in_force(made)} | {_agreed(made)}
    try:
        apply_overrides(terms, frozenset(agreed))
    except ValueError as error:
        raise OverrideRefused("value", str(error)) from error


def _check_target(made: Override, feature: FeatureTerms) -> None:
    """Refuse a figure that the feature has no price, or no such rate, for."""
    if made.match and made.what != OverrideFigure.PRICE:
        raise OverrideRefused("match", "Only a price is one rate's; leave it out for everything else.")
    if made.what == OverrideFigure.INCLUDED:
        return
    rates = feature.price.rates if feature.price is not None else ()
    if not rates:
        raise OverrideRefused("what", f"{feature.name} has no price that could be overridden.")
    if made.what == OverrideFigure.PRICE and made.match not in [dict(rate.match) for rate in rates]:
        known = "; ".join(", ".join(f"{name}: {text}" for name, text in rate.match) or "default" for rate in rates)
        raise OverrideRefused("match", f"{feature.name} has no such rate: name one of {known}.")


def _agreed(one: Override) -> TermOverride:
    return TermOverride(one.feature_id, one.what, one.value, tuple(sorted(one.match.items())))


def _others_in_force(made: Override) -> list[Override]:
    """Return the other figures of the subscription's own that hold when this one begins."""
    others = Override.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=made.starts_at),
        subscription=made.subscription,
        starts_at__lte=made.starts_at,
    )
    return [
        one for one in others if (one.feature_id, one.what, one.match) != (made.feature_id, made.what, made.match)
    ]


def _same_target(made: Override) -> QuerySet[Override]:
    """Return the overrides of the same figure that hold at some time after this one begins."""
    same = Override.objects.filter(
        subscription=made.subscription, feature=made.feature, what=made.what, match=made.match
    )
    return same.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=made.starts_at)).exclude(ends_at=F("starts_at"))
