"""Unit costs under billing's protection."""

from billing.triggers import protect_counted_costs
from plans.models import UnitCost


class CountedCost(UnitCost):
    """
    A unit cost that usage was charged by: unchanged from then on. It is defined here because the plans app doesn't
    know usage.
    """

    class Meta:
        proxy = True
        default_permissions = ()
        triggers = [protect_counted_costs()]
