"""Plan migrations: planned, previewed, announced, approved, run and rolled back, from one page."""

from billing.admin.plan_migrations import items, migration_page

__all__ = ["items", "migration_page"]
