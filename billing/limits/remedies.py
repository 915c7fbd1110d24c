"""Remedies for reached limits."""

from dataclasses import dataclass
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
from plans.catalog.stored_terms import currencies_by_version
from plans.models import PlanFeature, PlanVersion
from plans.models.prices import Consumption
from plans.models.versions import Audience

# Plans suggested in an answer that is sent on the hot path.
MAX_PLANS = 5


def remedy_for(answer: CheckAnswer, *, at: datetime, quantity: Decimal = ZERO) -> dict[str, Any] | None:
    """
    Return the remedy for a refused check as a payload; None if nothing prevents the usage.

    quantity: the requested units, unless they are counted already.

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
        plans = plans_including_more(
            availability.feature.feature_id,
            included_above=answer.included,
            needed=EXACT.add(EXACT.add(answer.used, answer.reserved), quantity),
            currency=availability.period.currency,
            at=at,
        )
        return {"kind": "upgrade", "plans": [plan.payload for plan in plans]}
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


@dataclass(frozen=True, slots=True)
class HelpfulPlan:
    """A plan that a customer can change to, and the units of a feature that it includes."""

    code: str
    name: str
    included: Decimal
    consumption: str

    @property
    def payload(self) -> dict[str, str]:
        included = to_plain_string(self.included)
        return {"code": self.code, "name": self.name, "included": included, "consumption": self.consumption}


def plans_including_more(
    feature_id: int, *, included_above: Decimal, needed: Decimal, currency: str, at: datetime
) -> list[HelpfulPlan]:
    """
    Return plans in force that include more of a feature, or have no hard cap on it, at most `MAX_PLANS`.

    needed: units of the window in all. currency: of the customer's subscription.

    The smallest sufficient allowance comes first, then plans without a cap, then allowances that don't suffice.
    Source: docs/limits.md#upgrades.
    """
    # A cohort's version is not on offer to others, and an unpublished one only in the sandbox.
    versions = PlanVersion.objects.in_force(at).exclude(audience=Audience.COHORT)
    includes_more = Q(included__gt=included_above) | ~Q(consumption=Consumption.HARD_CAP)
    offers = PlanFeature.objects.filter(includes_more, feature=feature_id, version__in=versions)
    candidates = list(offers.select_related("version__plan"))
    currencies = currencies_by_version([offer.version for offer in candidates])
    # A version without any price can be billed in each currency.
    offered = [offer for offer in candidates if currency in currencies.get(offer.version_id, [currency])]

    def rank(offer: PlanFeature) -> tuple[bool, bool, Decimal, str]:
        is_capped = offer.consumption == Consumption.HARD_CAP
        return is_capped and offer.included < needed, not is_capped, offer.included, offer.version.plan.code

    return [
        HelpfulPlan(offer.version.plan.code, offer.version.plan.name, offer.included, offer.consumption)
        for offer in sorted(offered, key=rank)[:MAX_PLANS]
    ]
