"""Migrations: planned, previewed, told of, approved, run and rolled back, each step on one page."""

from billing.admin.plan_migrations import items, migration_page

__all__ = ["items", "migration_page"]
