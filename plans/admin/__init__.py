"""The catalogue's staff pages: meters, features, plans, versions, prices."""

from plans.admin import catalogue, costs, meters, prices, review, versions

__all__ = ["catalogue", "costs", "meters", "prices", "review", "versions"]
