"""The units that a scenario's subscription holds, which its events add and remove."""

from typing import Any

from tests.golden.cases import Case
from tests.golden.plan_setup import distinguishing_property, is_held


class HeldUnits:
    """
    What is held of each metric that is charged for held units.

    A sum adds the values of its events; distinct values are held from the event that adds them to the one that
    removes them.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        charges = [charge for plan in case["setup"]["plans"] for charge in plan["charges"] if is_held(charge)]
        self.aggregations = {charge["metric"]: charge["aggregation"] for charge in charges}
        self.sums = dict.fromkeys(self.aggregations, 0)
        self.values: dict[str, set[str]] = {metric: set() for metric in self.aggregations}

    def after(self, step: dict[str, Any]) -> int:
        """Return how many units of the event's metric are held after it."""
        metric = step["metric"]
        if self.aggregations[metric] == "sum":
            self.sums[metric] += int(step["value"])
            return self.sums[metric]
        properties = dict(step["properties"].items())
        value = properties[distinguishing_property(self.case, metric)]
        if properties["operation_type"] == "remove":
            self.values[metric].discard(value)
        else:
            self.values[metric].add(value)
        return len(self.values[metric])
