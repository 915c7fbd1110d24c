"""Staff pages outside the apps: users, groups and scheduled tasks."""

from config.admin_site import scheduled_tasks, users

__all__ = ["scheduled_tasks", "users"]
