"""Three questions about the product, and the consumption model that the answers suggest."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from lib.translation import Text
from plans.models.prices import Consumption


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A consumption model for usage beyond the allowance, and the reason for it."""

    consumption: Consumption
    reason: Text


QUESTIONS = {
    "costly": _("Is each unit expensive for you?"),
    "blocked": _("May usage be rejected while the customer is working?"),
    "visible": _("Do customers see the unit and count in it?"),
}

_HARD_CAP, _OVERAGE, _CREDITS = Consumption.HARD_CAP, Consumption.OVERAGE, Consumption.CREDITS

_ANSWERS = {
    (True, True, True): (_HARD_CAP, _("expensive usage stops at the paid amount, and the customer can foresee it")),
    (True, True, False): (
        _CREDITS,
        _("credits represent units that customers don't see, and usage stops when they run out"),
    ),
    (True, False, True): (_OVERAGE, _("usage continues, and every unit beyond the allowance covers its cost")),
    (True, False, False): (
        _CREDITS,
        _("credits represent units that customers don't see, and usage continues at the overage price"),
    ),
    (False, True, True): (_HARD_CAP, _("units are cheap for you, so the cap is the reason to choose a larger plan")),
    (False, True, False): (_HARD_CAP, _("units are cheap for you, so the cap is the reason to choose a larger plan")),
    (False, False, True): (
        _OVERAGE,
        _("a generous allowance covers nearly all customers; the few beyond it pay overage"),
    ),
    (False, False, False): (_OVERAGE, _("the base fee covers all usage: units beyond the allowance are free")),
}


def suggest_model(*, costly: bool, blocked: bool, visible: bool) -> Suggestion:
    """Return the consumption model that fits the answers, with the reason in half a sentence."""
    return Suggestion(*_ANSWERS[costly, blocked, visible])
