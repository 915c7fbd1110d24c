"""How a customer stands with a feature, as the API tells it."""

from datetime import datetime
from typing import Any

from billing.limits.check import (
    CAP_REACHED,
    LOCKED,
    NOT_COVERED,
    PAUSED,
    SPEND_CAP_REACHED,
    WALLET_EMPTY,
    CheckAnswer,
)
from billing.limits.remedies import remedy_for
from lib.api.number_fields import serialize_amount
from lib.api.problems import Problem
from lib.decimals import to_plain_string


def answer_document(answer: CheckAnswer, *, at: datetime) -> dict[str, Any]:
    """Return what a check answers; a limit, what would help and how long to wait where there is one."""
    remedy = None if answer.allowed else remedy_for(answer, at=at)
    return {**standing_document(answer), "remedy": remedy, "when_unreachable": answer.when_unreachable}


def standing_document(answer: CheckAnswer) -> dict[str, Any]:
    """Return the same without what would help."""
    room, spent = answer.funds, answer.reached_cap
    return {
        "allowed": answer.allowed,
        "reason": answer.reason or None,
        "consumption": answer.consumption or None,
        "used": to_plain_string(answer.used),
        "reserved": to_plain_string(answer.reserved),
        "included": to_plain_string(answer.included),
        "remaining": None if answer.remaining is None else to_plain_string(answer.remaining),
        "resets_at": answer.resets_at,
        "cost": None if answer.cost is None else {"amount": to_plain_string(answer.cost), "unit": answer.unit},
        "balance": None
        if room is None
        else {
            "available": to_plain_string(room.available),
            "unit": answer.unit,
            "is_endless": room.invoices_shortfall,
        },
        "spend_cap": None
        if spent is None
        else {
            "action": spent.cap.action,
            "set_by": spent.cap.set_by,
            "cap": serialize_amount(spent.cap.amount, spent.cap.currency),
            "spent": serialize_amount(spent.spent, spent.cap.currency),
        },
        "retry_after": answer.retry_after,
    }


_TOLD = {
    NOT_COVERED: "No running subscription of the customer covers the feature.",
    PAUSED: "The subscription that covers the feature is paused.",
    LOCKED: "The feature is not open yet.",
    CAP_REACHED: "{remaining} of {included} are left until {resets_at:%Y-%m-%d %H:%M} UTC.",
    WALLET_EMPTY: "The wallet has {available} {unit} for this.",
    SPEND_CAP_REACHED: "The spend cap of {cap} is reached.",
}


def limit_reached(answer: CheckAnswer, *, at: datetime) -> Problem:
    """Return the refusal of a use that a limit stands against; its members are those of a check's answer."""
    spent = answer.reached_cap
    detail = _TOLD[answer.reason].format(
        remaining=None if answer.remaining is None else to_plain_string(answer.remaining),
        included=to_plain_string(answer.included),
        resets_at=answer.resets_at,
        available="0" if answer.funds is None else to_plain_string(answer.funds.available),
        unit=answer.unit,
        cap="" if spent is None else f"{to_plain_string(spent.cap.amount)} {spent.cap.currency}",
    )
    return Problem("limit-reached", f"{detail} Nothing was stored.", extensions={"limit": _plain(answer, at)})


def _plain(answer: CheckAnswer, at: datetime) -> dict[str, Any]:
    document = answer_document(answer, at=at)
    resets_at = document["resets_at"]
    return document | {"resets_at": None if resets_at is None else resets_at.isoformat().replace("+00:00", "Z")}
