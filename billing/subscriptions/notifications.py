"""Say what has become of subscriptions: docs/webhooks.md#types."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from billing.models import Subscription
from customers.notifications import Announcement, announce, announce_all, is_listened_for
from customers.notifications.announcement import Facts
from plans.models import PlanVersion


class Moved(NamedTuple):
    """A subscription that went from one version to another."""

    subscription_id: int
    from_id: int
    to_id: int
    moment: datetime


def tell(what: str, subscription: Subscription, *, at: datetime, facts: Facts, mark: str = "") -> None:
    """
    Announce that something has become of one subscription, in the caller's transaction.

    what: the kind, without `subscription.` before it. mark: tells two of a kind at one moment apart.
    """
    announce(
        kind=f"subscription.{what}",
        customer_id=subscription.customer_id,
        facts={"subscription": subscription.external_id, **facts},
        key=f"subscription:{subscription.pk}:{what}:{mark}:{at.isoformat()}",
        at=at,
    )


def tell_updated(
    subscription: Subscription, what: str, *, at: datetime, mark: str, **facts: str | int | None
) -> None:
    """Announce that what was agreed of a subscription is another: its quantity, override, commitment or coupon."""
    tell("updated", subscription, at=at, facts={"what": what, **facts}, mark=f"{what}:{mark}")


def tell_moved(moved: Iterable[Moved], *, at: datetime, kind: str = "subscription.plan_changed") -> None:
    """
    Announce that subscriptions went to other versions, or will, by two statements however many they are.

    Where nobody listens it costs one.
    """
    some = list(moved)
    if not some or not is_listened_for(kind):
        return
    names = _names({one.subscription_id for one in some})
    plans = _plans({id_ for one in some for id_ in (one.from_id, one.to_id)})
    announce_all(
        kind=kind,
        announcements=[
            Announcement(
                names[one.subscription_id][0],
                {
                    "subscription": names[one.subscription_id][1],
                    "plan": plans[one.to_id][0],
                    "version": plans[one.to_id][1],
                    "former_plan": plans[one.from_id][0],
                    "former_version": plans[one.from_id][1],
                    "moment": one.moment.isoformat(),
                },
                f"{kind}:{one.subscription_id}:{one.to_id}:{at.isoformat()}",
            )
            for one in some
        ],
        at=at,
    )


def tell_all(kind: str, subscription_ids: Iterable[int], *, at: datetime) -> None:
    """Announce that the same has become of many subscriptions, which says all there is to say."""
    ids = set(subscription_ids)
    if not ids or not is_listened_for(kind):
        return
    told = [
        Announcement(customer_id, {"subscription": name}, f"{kind}:{id_}:{at.isoformat()}")
        for id_, (customer_id, name) in sorted(_names(ids).items())
    ]
    announce_all(kind=kind, announcements=told, at=at)


def _names(ids: set[int]) -> dict[int, tuple[int, str]]:
    rows = Subscription.objects.filter(pk__in=ids).values_list("pk", "customer_id", "external_id")
    return {id_: (customer_id, name) for id_, customer_id, name in rows}


def _plans(ids: set[int]) -> dict[int, tuple[str, int]]:
    rows = PlanVersion.objects.filter(pk__in=ids).values_list("pk", "plan__code", "number")
    return {id_: (code, number) for id_, code, number in rows}
