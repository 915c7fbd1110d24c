"""Remedies for reached limits."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q

from billing.limits.check import (
    CAP_REACHED,
    NOT_COVERED,
    PAUSED,
    QUOTA_REACHED,
    SPEND_CAP_REACHED,
    WALLET_EMPTY,
    CheckAnswer,
)
from billing.limits.feature_unlocks import FeatureLock
from lib.decimals import EXACT, ZERO, to_plain_string
from plans.models import PlanVersion
from plans.models.prices import Consumption
from plans.models.versions import Audience

# Plans suggested in an answer that is sent on the hot path.
MAX_PLANS = 5


def remedy_for(answer: CheckAnswer, *, at: datetime) -> dict[str, Any] | None:
    """
    Return the remedy for a refused check as a payload; None if nothing prevents the usage.

    For a hard cap, the plans that include more; for a wallet, the missing amount; for a spend cap, the cap to raise.
    """
    availability = answer.availability
    if answer.reason == NOT_COVERED:
        return {"kind": "subscribe"}
    if answer.reason == PAUSED:
        return {"kind": "resume"}
    if answer.feature_lock is not None:
        return {"kind": "unlock", **lock_payload(answer.feature_lock)}
    if answer.reason == CAP_REACHED and availability is not None:
        plans = plans_including_more(availability.feature.feature_id, included_above=answer.included, at=at)
        return {"kind": "upgrade", "plans": plans}
    if answer.reason == QUOTA_REACHED:
        return {"kind": "wait", "seconds": answer.retry_after}
    if answer.reason == WALLET_EMPTY and answer.funds is not None:
        missing = None if answer.cost is None else max(EXACT.subtract(answer.cost, answer.funds.available), ZERO)
        return {
            "kind": "top_up",
            "unit": answer.unit,
            "missing": None if missing is None else to_plain_string(missing),
        }
    if answer.reason == SPEND_CAP_REACHED:
        return {"kind": "raise_cap", "set_by": answer.reached_cap.cap.set_by if answer.reached_cap else None}
    return None


def lock_payload(lock: FeatureLock) -> dict[str, Any]:
    """Return the threshold that unlocks a feature, and the progress so far."""
    unit = {"feature": lock.feature} if lock.feature else {"currency": lock.currency}
    return {"by": lock.by, **unit, "at": to_plain_string(lock.threshold), "reached": to_plain_string(lock.progress)}


def plans_including_more(feature_id: int, *, included_above: Decimal, at: datetime) -> list[str]:
    """Return the codes of offered plans that include more of a feature, or have no hard cap on it."""
    # A cohort's version is not on offer to others.
    versions = PlanVersion.objects.in_force(at).exclude(audience=Audience.COHORT)
    includes_more = Q(features__included__gt=included_above) | ~Q(features__consumption=Consumption.HARD_CAP)
    versions = versions.filter(includes_more, features__feature=feature_id).order_by("plan__code")
    return list(versions.values_list("plan__code", flat=True).distinct()[:MAX_PLANS])
