"""Migrations: planned, previewed, told of, approved, run and rolled back, each step on one page."""

from billing.admin.migrating import moves, page

__all__ = ["moves", "page"]
