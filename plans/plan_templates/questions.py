"""Three questions about the product, and the consumption model that the answers propose: docs/publishing.md#start."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from lib.translation import Text
from plans.models.prices import Consumption

_HARD_CAP, _OVERAGE, _CREDITS, _BALANCE = (
    Consumption.HARD_CAP,
    Consumption.OVERAGE,
    Consumption.CREDITS,
    Consumption.BALANCE,
)


@dataclass(frozen=True, slots=True)
class PlanQuestion:
    """A question about a new plan, and its two possible answers: value in the address → label."""

    text: Text
    answers: Mapping[str, Text]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A consumption model for usage beyond the allowance, with the reason; None if no model will work."""

    consumption: Consumption | None
    reason: Text


_YES_OR_NO = {"yes": _("yes"), "no": _("no")}

QUESTIONS = {
    "cost": PlanQuestion(
        _("Is the cost of a unit small or large? It is large from about $0.10 a unit."),
        {"small": _("small"), "large": _("large")},
    ),
    "blocked": PlanQuestion(
        _("Can the customer tolerate being blocked in mid-task, as on a free tier or with a hard budget?"), _YES_OR_NO
    ),
    "visible": PlanQuestion(_("Is the unit visible to the customer, and can you explain it?"), _YES_OR_NO),
}

DEFAULTS = (
    Proposal(_OVERAGE, _("Start with it: no one is blocked, and usage beyond the allowance is billed.")),
    Proposal(_CREDITS, _("Only for expensive AI features: each use costs you money that is better paid in advance.")),
    Proposal(
        _HARD_CAP,
        _("For the free tier: the cap triggers the upgrade, and a refusal names the plans that include more."),
    ),
    Proposal(
        _BALANCE,
        _("For developers who call several models: one balance in dollars pays each model at its own price."),
    ),
)
"""The defaults without any answer, the first one to start with."""

_INVISIBLE = Proposal(
    None,
    _("No model will work with a unit that customers can't see or that you can't explain. Redesign the unit first."),
)
_BLOCKED = Proposal(
    _HARD_CAP,
    _("The customer tolerates being blocked, so the cap limits your cost, and reaching it is the reason to upgrade."),
)
_BY_COST = {
    "small": Proposal(_OVERAGE, _("The customer must not be blocked, and each unit costs little.")),
    "large": Proposal(
        _CREDITS,
        _("The customer must not be blocked, and each unit costs so much that it is better paid in advance."),
    ),
}


def propose_model(*, cost: str, blocked: str, visible: str) -> Proposal:
    """
    Return the consumption model for these answers, each one of the question's values.

    Source: docs/publishing.md#start.
    """
    if visible == "no":
        return _INVISIBLE
    return _BLOCKED if blocked == "yes" else _BY_COST[cost]
