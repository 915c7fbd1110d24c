"""The catalogue's staff pages: meters, features, plans, versions, prices."""

from plans.admin import catalogue, meters, prices, versions

__all__ = ["catalogue", "meters", "prices", "versions"]
