"""What billing promises of unit costs."""

from billing.triggers import protect_counted_costs
from plans.models import UnitCost


class CountedCost(UnitCost):
    """A unit cost as usage is charged by it: unchanged from then on. It stands here since plans know of no usage."""

    class Meta:
        proxy = True
        default_permissions = ()
        triggers = [protect_counted_costs()]
