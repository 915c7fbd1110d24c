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
    references = _read_references({change.subscription_id for change in changes})
    plan_versions = _read_plan_versions(
        {version_id for change in changes for version_id in (change.from_version_id, change.to_version_id)}
    )
    announce_all(
        kind=kind,
        announcements=[
            Announcement(
                references[change.subscription_id][0],
                {
                    "subscription": references[change.subscription_id][1],
                    "plan": plan_versions[change.to_version_id][0],
                    "version": plan_versions[change.to_version_id][1],
                    "former_plan": plan_versions[change.from_version_id][0],
                    "former_version": plan_versions[change.from_version_id][1],
                    "moment": change.changes_at.isoformat(),
                },
                f"{kind}:{change.subscription_id}:{change.to_version_id}:{at.isoformat()}",
            )
            for change in changes
        ],
        at=at,
    )


def announce_for_each(kind: str, subscription_ids: Iterable[int], *, at: datetime) -> None:
    """Announce the same event for many subscriptions; its payload is the subscription alone."""
    ids = set(subscription_ids)
    if not ids or not has_listeners(kind):
        return
    announcements = [
        Announcement(customer_id, {"subscription": external_id}, f"{kind}:{subscription_id}:{at.isoformat()}")
        for subscription_id, (customer_id, external_id) in sorted(_read_references(ids).items())
    ]
    announce_all(kind=kind, announcements=announcements, at=at)


def _read_references(ids: set[int]) -> dict[int, tuple[int, str]]:
    """Return subscription id → (customer id, external id)."""
    rows = Subscription.objects.filter(pk__in=ids).values_list("pk", "customer_id", "external_id")
    return {subscription_id: (customer_id, external_id) for subscription_id, customer_id, external_id in rows}


def _read_plan_versions(ids: set[int]) -> dict[int, tuple[str, int]]:
    """Return version id → (plan code, version number)."""
    rows = PlanVersion.objects.filter(pk__in=ids).values_list("pk", "plan__code", "number")
    return {version_id: (code, number) for version_id, code, number in rows}
