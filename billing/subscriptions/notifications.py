"""Announce changes of subscriptions to webhook endpoints and contacts: docs/webhooks.md#types."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from billing.models import Subscription
from customers.notifications import Announcement, announce, announce_all, has_listeners
from customers.notifications.announcement import Facts
from plans.models import PlanVersion


class VersionChange(NamedTuple):
    """A subscription that changes from one plan version to another at a moment, past or future."""

    subscription_id: int
    from_version_id: int
    to_version_id: int
    changes_at: datetime


def announce_event(
    event: str, subscription: Subscription, *, at: datetime, facts: Facts, discriminator: str = ""
) -> None:
    """
    Announce an event of one subscription, in the caller's transaction.

    event: the kind without its prefix `subscription.`. discriminator: separates two events of one kind at the same
    moment.
    """
    announce(
        kind=f"subscription.{event}",
        customer_id=subscription.customer_id,
        facts={"subscription": subscription.external_id, **facts},
        key=f"subscription:{subscription.pk}:{event}:{discriminator}:{at.isoformat()}",
        at=at,
    )


def announce_update(
    subscription: Subscription, subject: str, *, at: datetime, discriminator: str, **facts: str | int | None
) -> None:
    """Announce that the terms of a subscription have changed: its quantity, override, commitment, coupon or trial."""
    announce_event(
        "updated", subscription, at=at, facts={"change": subject, **facts}, discriminator=f"{subject}:{discriminator}"
    )


def announce_version_changes(
    version_changes: Iterable[VersionChange], *, at: datetime, kind: str = "subscription.plan_changed"
) -> None:
    """
    Announce that subscriptions have changed their version, or will change it.

    It takes two statements for any number of subscriptions; one if no endpoint or contact listens for `kind`.
    """
    changes = list(version_changes)
    if not changes or not has_listeners(kind):
        return
    subscriptions = _read_subscriptions({change.subscription_id for change in changes})
    versions = PlanVersion.objects.select_related("plan").in_bulk(
        {version_id for change in changes for version_id in (change.from_version_id, change.to_version_id)}
    )
    announcements = []
    for change in changes:
        subscription = subscriptions[change.subscription_id]
        version, former_version = versions[change.to_version_id], versions[change.from_version_id]
        facts: Facts = {
            "subscription": subscription.external_id,
            "plan": version.plan.code,
            "version": version.number,
            "former_plan": former_version.plan.code,
            "former_version": former_version.number,
            "moment": change.changes_at.isoformat(),
        }
        key = f"{kind}:{subscription.pk}:{version.pk}:{at.isoformat()}"
        announcements.append(Announcement(subscription.customer_id, facts, key))
    announce_all(kind=kind, announcements=announcements, at=at)


def announce_for_each(kind: str, subscription_ids: Iterable[int], *, at: datetime) -> None:
    """Announce the same event for many subscriptions; its payload is the subscription alone."""
    ids = set(subscription_ids)
    if not ids or not has_listeners(kind):
        return
    announcements = [
        Announcement(
            subscription.customer_id, {"subscription": subscription.external_id}, f"{kind}:{id_}:{at.isoformat()}"
        )
        for id_, subscription in sorted(_read_subscriptions(ids).items())
    ]
    announce_all(kind=kind, announcements=announcements, at=at)


def _read_subscriptions(ids: set[int]) -> dict[int, Subscription]:
    # Only the facts of the announcements: a migration changes thousands of subscriptions.
    return Subscription.objects.only("customer", "external_id").in_bulk(ids)
