"""A customer's availability of a feature, in the API's form."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from billing.limits.check import (
    CAP_REACHED,
    LOCKED,
    NOT_COVERED,
    PAUSED,
    QUOTA_REACHED,
    SPEND_CAP_REACHED,
    WALLET_EMPTY,
    CheckAnswer,
)
from billing.limits.remedies import remedy_for
from billing.limits.reservations.errors import LimitReached
from lib.api.number_fields import serialize_amount
from lib.api.problems import Problem
from lib.decimals import EXACT, ZERO, to_plain_string
from plans.models.prices import Consumption


def answer_payload(answer: CheckAnswer, *, at: datetime, quantity: Decimal = ZERO) -> dict[str, Any]:
    """
    Return the payload of a check's answer, including the remedy and the waiting time of a limit.

    quantity: the requested units, which a remedy has to admit.
    """
    remedy = None if answer.allowed else remedy_for(answer, at=at, quantity=quantity)
    return {**availability_payload(answer), "remedy": remedy, "when_unreachable": answer.when_unreachable}


def availability_payload(answer: CheckAnswer) -> dict[str, Any]:
    """Return the payload of an answer without the remedy."""
    funds, cap_usage = answer.funds, answer.reached_cap
    return {
        "allowed": answer.allowed,
        "reason": answer.reason or None,
        "consumption": answer.consumption or None,
        "used": to_plain_string(answer.used),
        "reserved": to_plain_string(answer.reserved),
        "included": to_plain_string(answer.included),
        "remaining": None if answer.remaining is None else to_plain_string(answer.remaining),
        "resets_at": _time_text(answer.resets_at),
        "cost": None if answer.cost is None else {"amount": to_plain_string(answer.cost), "unit": answer.unit},
        "balance": None
        if funds is None
        else {
            "available": to_plain_string(funds.available),
            "unit": answer.unit,
            "is_endless": funds.invoices_shortfall,
        },
        "spend_cap": None
        if cap_usage is None
        else {
            "action": cap_usage.cap.action,
            "set_by": cap_usage.cap.set_by,
            "cap": serialize_amount(cap_usage.cap.amount, cap_usage.cap.currency),
            "spent": serialize_amount(cap_usage.spent, cap_usage.cap.currency),
        },
        "limits": list(_limit_payloads(answer)),
        "retry_after": answer.retry_after,
    }


def _limit_payloads(answer: CheckAnswer) -> Iterator[dict[str, Any]]:
    """Yield each limit of the feature with its use: the allowance, quotas and throttles, and a reached spend cap."""
    if answer.remaining is not None:
        yield {
            "kind": "hard_cap" if answer.consumption == Consumption.HARD_CAP else "allowance",
            "used": to_plain_string(EXACT.add(answer.used, answer.reserved)),
            "limit": to_plain_string(answer.included),
            "resets_at": _time_text(answer.resets_at),
        }
    for limit in answer.limits:
        yield {
            "kind": limit.terms.kind,
            "used": to_plain_string(limit.used),
            "limit": to_plain_string(limit.terms.most),
            "resets_at": _time_text(limit.resets_at),
            "counts": limit.terms.counts,
            "window_seconds": int(limit.terms.window.total_seconds()),
            "after": "slow" if limit.terms.kind == "throttle" else limit.terms.after,
            "retry_after": limit.retry_after,
        }
    if answer.reached_cap is not None:
        cap = answer.reached_cap.cap
        yield {
            "kind": "spend_cap",
            "used": serialize_amount(answer.reached_cap.spent, cap.currency),
            "limit": serialize_amount(cap.amount, cap.currency),
            "resets_at": _time_text(answer.resets_at),
        }


def _time_text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


_REFUSAL_TEXTS = {
    NOT_COVERED: "No active subscription of the customer includes this feature.",
    PAUSED: "The subscription that includes this feature is paused.",
    LOCKED: "The feature is still locked.",
    CAP_REACHED: "{remaining} of {included} remain until {resets_at:%Y-%m-%d %H:%M} UTC.",
    QUOTA_REACHED: "The quota of {quota} is used up{until}.",
    WALLET_EMPTY: "The wallet has {available} {unit} available for this.",
    SPEND_CAP_REACHED: "The spend cap of {cap} is reached.",
}


def limit_reached(reached: LimitReached, *, at: datetime) -> Problem:
    """Return the problem for usage that a limit refuses; it has the fields of a check's answer."""
    answer = reached.answer
    cap_usage = answer.reached_cap
    quota = next((limit for limit in answer.limits if limit.refuses), None)
    detail = _REFUSAL_TEXTS[answer.reason].format(
        remaining=None if answer.remaining is None else to_plain_string(answer.remaining),
        included=to_plain_string(answer.included),
        resets_at=answer.resets_at,
        available="0" if answer.funds is None else to_plain_string(answer.funds.available),
        unit=answer.unit,
        quota="" if quota is None else to_plain_string(quota.terms.most),
        until="" if quota is None or quota.resets_at is None else f"; room returns at {_time_text(quota.resets_at)}",
        cap="" if cap_usage is None else f"{to_plain_string(cap_usage.cap.amount)} {cap_usage.cap.currency}",
    )
    payload = answer_payload(answer, at=at, quantity=reached.quantity)
    return Problem("limit-reached", f"{detail} Nothing was stored.", extensions={"limit": payload})
