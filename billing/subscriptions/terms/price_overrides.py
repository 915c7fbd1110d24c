"""Overrides: a subscription's own price, allowance, minimum or maximum, without a change of the plan."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from billing.models import Override, Period, Subscription, SubscriptionCommitment
from billing.models.periods import PeriodKind, PeriodState
from billing.models.price_overrides import OverrideFigure
from billing.subscriptions.notifications import announce_update
from lib.audit_log import audited_transaction
from lib.decimals import to_plain_string
from plans.catalog.overrides import TermOverride, apply_overrides
from plans.catalog.stored_terms import FeatureTerms, load_terms
from plans.models import Feature

Agreement = TypeVar("Agreement", Override, SubscriptionCommitment)


class OverrideRefused(Exception):
    """The override isn't possible; the text gives the reason and the remedy. field: the field that is wrong."""

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
    by: User | None = None,
) -> Override:
    """
    Override a figure of a subscription's version, and replace an earlier override of it.

    figure: one of `OverrideFigure`.
    match: the rate whose price it is; only for a price.
    starts_at: the override applies to usage windows that start then or later; default: the next period.
    ends_at: None if it is open-ended.

    :raises OverrideRefused: if the plan has no such figure, it can't be charged by, or one of its periods is billed
        already.
    """
    with audited_transaction("override", by=by, at=at):
        subscription = lock_terms(subscription.pk)
        starts_at = starts_at or next_period_start(subscription, at=at)
        new_override = Override(
            subscription=subscription,
            feature=feature,
            figure=figure,
            match=dict(match or {}),
            value=value,
            starts_at=starts_at,
            ends_at=ends_at,
            reason=reason,
            created_by=by if by is not None and by.pk else None,
        )
        check_not_billed(subscription, starts_at)
        if ends_at is not None and ends_at <= starts_at:
            raise OverrideRefused(
                "ends_at",
                _("The end (%(end)s) must be after the start (%(start)s).")
                % {"end": f"{ends_at:%Y-%m-%d %H:%M %Z}", "start": f"{starts_at:%Y-%m-%d %H:%M %Z}"},
            )
        _check_figure(new_override)
        replace_agreement(new_override, _same_target(new_override), conflict="Another override applies from {since}")
        _announce(new_override, "agreed", at=at)
        return new_override


def replace_agreement(
    agreement: Override | SubscriptionCommitment, overlapping: QuerySet[Any], *, conflict: str
) -> None:
    """
    Store an override or commitment, and end the one in force at its start.

    overlapping: overrides or commitments of the same figure in force after its start.
    conflict: the error text if one of them starts later, with {since} for its start.
    """
    overlapping.filter(starts_at__lte=agreement.starts_at).update(ends_at=agreement.starts_at)
    # A savepoint, so that the conflicting row can still be read in this transaction.
    try:
        with transaction.atomic():
            agreement.save(force_insert=True)
    except IntegrityError as error:
        later = overlapping.order_by("starts_at").first()
        # Another constraint was violated, which is a bug.
        if later is None:
            raise
        since = f"{later.starts_at:%Y-%m-%d %H:%M %Z}"
        message = f"{conflict.format(since=since)}. End one of them before the other starts."
        raise OverrideRefused("ends_at", message) from error


def end_override(
    *, override: Override, at: datetime, ends_at: datetime | None = None, by: User | None = None
) -> Override:
    """
    End an override: the version's figure applies to usage windows that start at `ends_at` or later.

    ends_at: default: the next period. An override that hasn't started is withdrawn: it ends when it starts.

    :raises OverrideRefused: if it has ended, or one of its periods is billed already.
    """
    with audited_transaction("end override", by=by, at=at):
        ended = end_agreement(override, at=at, ends_at=ends_at)
        _announce(ended, "ended", at=at)
        return ended


def end_agreement(agreement: Agreement, *, at: datetime, ends_at: datetime | None) -> Agreement:
    """End an override or commitment at `ends_at`, by default with the running period, and return it as stored."""
    subscription = lock_terms(agreement.subscription_id)
    locked: Agreement = type(agreement)._default_manager.get(pk=agreement.pk)
    ends_at = max(ends_at or next_period_start(subscription, at=at), locked.starts_at)
    if locked.ends_at is not None and locked.ends_at <= ends_at:
        raise OverrideRefused(
            "ends_at",
            _("It already ends at %(time)s. Choose an earlier time.")
            % {"time": f"{locked.ends_at:%Y-%m-%d %H:%M %Z}"},
        )
    check_not_billed(subscription, ends_at)
    locked.ends_at = ends_at
    locked.save(update_fields=["ends_at"])
    return locked


def _announce(override: Override, event: str, *, at: datetime) -> None:
    announce_agreement(
        override,
        "override",
        event,
        at=at,
        feature=override.feature.code,
        figure=str(override.figure),
        value=to_plain_string(override.value),
    )


def announce_agreement(
    agreement: Override | SubscriptionCommitment, kind: str, event: str, *, at: datetime, **facts: str
) -> None:
    """Announce that an override or commitment was agreed or has ended."""
    announce_update(
        agreement.subscription,
        kind,
        at=at,
        discriminator=f"{agreement.pk}:{event}",
        **{kind: agreement.pk},
        **facts,
        starts_at=agreement.starts_at.isoformat(),
        ends_at=agreement.ends_at.isoformat() if agreement.ends_at else None,
    )


def next_period_start(subscription: Subscription, *, at: datetime) -> datetime:
    """Return the end of the period that contains `at`; before the subscription starts, its start."""
    if at < subscription.starts_at:
        return subscription.starts_at
    running = Period.objects.filter(subscription=subscription, kind=PeriodKind.REGULAR).containing(at)
    return running.values_list("ends_at", flat=True).first() or at


def lock_terms(subscription_id: int) -> Subscription:
    """Lock a subscription and then its open periods, in the order of every change, and return it as stored."""
    subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription_id)
    lock_open_periods(subscription)
    return subscription


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
            "starts_at",
            _("The period %(period)s is already billed. Choose %(time)s or later, not %(start)s.")
            % {"period": last, "time": f"{last.ends_at:%Y-%m-%d %H:%M %Z}", "start": f"{since:%Y-%m-%d %H:%M %Z}"},
        )


def _check_figure(new_override: Override) -> None:
    """Refuse a figure that the subscription's version lacks, or that can't be charged by."""
    terms = load_terms(new_override.subscription.version_id, new_override.subscription.currency)
    feature = next((feature for feature in terms.features if feature.feature_id == new_override.feature_id), None)
    if feature is None:
        raise OverrideRefused(
            "feature",
            _("%(feature)s is not metered in %(version)s. Choose a metered feature.")
            % {"feature": new_override.feature, "version": new_override.subscription.version},
        )
    _check_target(new_override, feature)
    # Applied together with the others, because only the whole must be valid.
    overrides = {_to_term_override(other) for other in _others_in_force(new_override)} | {
        _to_term_override(new_override)
    }
    try:
        apply_overrides(terms, frozenset(overrides))
    except ValueError as error:
        raise OverrideRefused("value", str(error)) from error


def _check_target(new_override: Override, feature: FeatureTerms) -> None:
    """Refuse a figure for which the feature has no price, or no such rate."""
    if new_override.match and new_override.figure != OverrideFigure.PRICE:
        raise OverrideRefused("match", _("Only a price override can name a rate. Leave it out."))
    if new_override.figure == OverrideFigure.INCLUDED:
        return
    rates = feature.price.rates if feature.price is not None else ()
    if not rates:
        raise OverrideRefused("figure", _("%(feature)s has no price to override.") % {"feature": feature.name})
    if new_override.figure == OverrideFigure.PRICE and new_override.match not in [dict(rate.match) for rate in rates]:
        known = "; ".join(", ".join(f"{name}: {text}" for name, text in rate.match) or "default" for rate in rates)
        raise OverrideRefused(
            "match",
            _("%(feature)s has no such rate. Choose one of: %(known)s.") % {"feature": feature.name, "known": known},
        )


def _to_term_override(override: Override) -> TermOverride:
    return TermOverride(override.feature_id, override.figure, override.value, tuple(sorted(override.match.items())))


def _others_in_force(new_override: Override) -> list[Override]:
    """Return the subscription's other overrides that are in force when this one starts."""
    others = in_force_after(new_override.starts_at, Override.objects.filter(subscription=new_override.subscription))
    return [
        other
        for other in others.filter(starts_at__lte=new_override.starts_at)
        if (other.feature_id, other.figure, other.match)
        != (new_override.feature_id, new_override.figure, new_override.match)
    ]


def _same_target(new_override: Override) -> QuerySet[Override]:
    """Return the overrides of the same figure that are in force at any time after this one starts."""
    same = Override.objects.filter(
        subscription=new_override.subscription,
        feature=new_override.feature,
        figure=new_override.figure,
        match=new_override.match,
    )
    return in_force_after(new_override.starts_at, same)


def in_force_after(since: datetime, agreements: QuerySet[Agreement]) -> QuerySet[Agreement]:
    """Return those of these overrides or commitments that are in force at any time after `since`."""
    # One that was withdrawn before its start ends when it starts, and is never in force.
    return agreements.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=since)).exclude(ends_at=F("starts_at"))
