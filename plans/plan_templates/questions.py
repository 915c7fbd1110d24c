"""Three questions about the product, and the consumption model that the answers suggest."""

from dataclasses import dataclass

from plans.models.prices import Consumption


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A consumption model for usage beyond the allowance, and the reason for it."""

    consumption: Consumption
    reason: str


QUESTIONS = {
    "costly": "Is a unit costly to you?",
    "blocked": "May the customer be stopped in the middle of work?",
    "visible": "Does the customer see the unit, and count in it?",
}

_HARD_CAP, _OVERAGE, _CREDITS = Consumption.HARD_CAP, Consumption.OVERAGE, Consumption.CREDITS

_ANSWERS = {
    (True, True, True): (_HARD_CAP, "what is costly stops where it is paid up to, and the customer sees it coming"),
    (True, True, False): (
        _CREDITS,
        "credits stand for units that nobody sees, and work stops without them",
    ),
    (True, False, True): (_OVERAGE, "work goes on, and every unit beyond the allowance pays for itself"),
    (True, False, False): (_CREDITS, "credits stand for units that nobody sees, and go on at the overage price"),
    (False, True, True): (_HARD_CAP, "units cost you little, so the cap is what makes a larger plan worth its fee"),
    (False, True, False): (_HARD_CAP, "units cost you little, so the cap is what makes a larger plan worth its fee"),
    (False, False, True): (
        _OVERAGE,
        "a generous allowance covers nearly everybody; the few beyond it pay for it",
    ),
    (False, False, False): (_OVERAGE, "the base fee pays for all of it: beyond the allowance a unit costs nothing"),
}


def suggest_model(*, costly: bool, blocked: bool, visible: bool) -> Suggestion:
    """Return the consumption model that fits the answers, with the reason in half a sentence."""
    return Suggestion(*_ANSWERS[costly, blocked, visible])
