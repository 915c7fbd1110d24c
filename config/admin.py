"""Staff pages outside the apps, and the pages that several apps share."""

from config.admin_site import pages, roles, scheduled_tasks, users

__all__ = ["pages", "roles", "scheduled_tasks", "users"]
