"""What would help against a limit."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q

from billing.limits.check import CAP_REACHED, NOT_COVERED, PAUSED, SPEND_CAP_REACHED, WALLET_EMPTY, Answer
from billing.limits.feature_unlocks import Lock
from lib.decimals import EXACT, ZERO, plain
from plans.models import PlanVersion
from plans.models.prices import Consumption
from plans.models.versions import Audience

MOST_PLANS = 5


def remedy_for(answer: Answer, *, at: datetime) -> dict[str, Any] | None:
    """
    Return what would help, as a document; None where nothing stands against the use.

    Of a hard cap, the plans that grant more; of a wallet, how much is missing; of a spend cap, the cap to raise.
    """
    standing = answer.standing
    if answer.reason == NOT_COVERED:
        return {"kind": "subscribe"}
    if answer.reason == PAUSED:
        return {"kind": "resume"}
    if answer.lock is not None:
        return {"kind": "unlock", **lock_document(answer.lock)}
    if answer.reason == CAP_REACHED and standing is not None:
        plans = plans_with_more(standing.feature.feature_id, than=answer.included, at=at)
        return {"kind": "upgrade", "plans": plans}
    if answer.reason == WALLET_EMPTY and answer.room is not None:
        missing = None if answer.cost is None else max(EXACT.subtract(answer.cost, answer.room.available), ZERO)
        return {"kind": "top_up", "unit": answer.unit, "missing": None if missing is None else plain(missing)}
    if answer.reason == SPEND_CAP_REACHED:
        return {"kind": "raise_cap", "set_by": answer.spent.cap.set_by if answer.spent else None}
    return None


def lock_document(lock: Lock) -> dict[str, Any]:
    """Return what has to be reached before a feature opens, and how far that is."""
    unit = {"feature": lock.feature} if lock.feature else {"currency": lock.currency}
    return {"by": lock.by, **unit, "at": plain(lock.at), "reached": plain(lock.reached)}


def plans_with_more(feature_id: int, *, than: Decimal, at: datetime) -> list[str]:
    """Return the codes of plans on offer that include more of a feature, or do not stop at what they include."""
    found = PlanVersion.objects.in_force(at).exclude(audience=Audience.COHORT)
    more = Q(features__included__gt=than) | ~Q(features__consumption=Consumption.HARD_CAP)
    found = found.filter(more, features__feature=feature_id).order_by("plan__code")
    return list(found.values_list("plan__code", flat=True).distinct()[:MOST_PLANS])
