"""What billing promises of unit costs."""

from billing.triggers import counted_usage_keeps_its_cost
from plans.models import UnitCost


class CountedCost(UnitCost):
    """A unit cost as usage is charged by it: unchanged from then on. It stands here since plans know of no usage."""

    class Meta:
        proxy = True
        default_permissions = ()
        triggers = [counted_usage_keeps_its_cost()]
