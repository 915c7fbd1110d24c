"""Say of alerts what a receiver, or a mail, needs: docs/alerts.md#what-is-told."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from billing.limits.alerts.measurements import Reading
from billing.models.alerts import Guarded
from customers.models import Customer
from customers.notifications import Announcement, announce_all
from lib.decimals import plain

FIRED, RECOVERED = "alert.fired", "alert.recovered"

REMEDIES = {
    Guarded.ALLOWANCE: "upgrade",
    Guarded.CAP: "raise_cap",
    Guarded.SPEND: "review_usage",
    Guarded.LAST_PERIOD: "review_usage",
    Guarded.PROJECTED: "review_usage",
    Guarded.ANOMALY: "review_usage",
    Guarded.LOW_BALANCE: "top_up",
    Guarded.EXPIRING: "use_credits",
}
"""What would help."""


class Told(NamedTuple):
    """One message: the numbers of its alerts, the most urgent one last; what was read, its level, and all levels."""

    alert_ids: tuple[int, ...]
    reading: Reading
    threshold: int
    levels: tuple[int, ...]


def tell(fired: Iterable[Told], recovered: Iterable[Told], *, at: datetime) -> None:
    """Announce what fired and what recovered, in the transaction that wrote it."""
    changes = {FIRED: list(fired), RECOVERED: list(recovered)}
    ids = {one.reading.of.customer_id for some in changes.values() for one in some}
    if not ids:
        return
    names = dict(Customer.objects.filter(pk__in=ids).values_list("pk", "external_id"))
    for kind, some in changes.items():
        announce_all(
            kind=kind,
            announcements=[
                Announcement(
                    one.reading.of.customer_id,
                    facts_of(one, customer=names[one.reading.of.customer_id]),
                    f"alert:{one.alert_ids[-1]}:{kind}",
                )
                for one in some
            ],
            at=at,
        )


def facts_of(told: Told, *, customer: str) -> dict[str, str | int | None]:
    """Return what is told of an alert; numbers as text, times as RFC 3339, None where there is nothing to say."""
    one = told.reading
    return {
        "alert": told.alert_ids[-1],
        "alerts": ",".join(map(str, told.alert_ids)),
        "alert_rule": one.rule.pk,
        "set_by": one.rule.set_by,
        "what": one.rule.kind,
        "customer": customer,
        "subscription": one.subscription or None,
        "feature": one.feature or None,
        "dimension": one.of.dimension or None,
        "dimension_value": one.of.dimension_value or None,
        "wallet": one.of.wallet_id,
        "wallet_name": one.wallet or None,
        "threshold": told.threshold,
        "thresholds": ",".join(map(str, told.levels)),
        "value": plain(one.value),
        "limit": None if one.limit is None else plain(one.limit),
        "unit": one.unit,
        "period_start": one.since.isoformat(),
        "period_end": one.ends_at.isoformat() if one.ends_at else None,
        "remedy": REMEDIES[Guarded(one.rule.kind)],
    }
