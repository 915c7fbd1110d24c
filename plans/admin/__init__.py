"""The catalog's staff pages: meters, features, plans, versions, prices."""

from plans.admin.catalog import features_and_plans, meters, unit_costs
from plans.admin.prices import price_page
from plans.admin.versions import publishing_rule, usage_limits, version_page

__all__ = [
    "features_and_plans",
    "meters",
    "price_page",
    "publishing_rule",
    "unit_costs",
    "usage_limits",
    "version_page",
]
