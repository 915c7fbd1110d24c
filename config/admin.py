"""Staff pages that belong to no app of ours: people, groups and scheduled tasks."""

from config.admin_site import scheduled_tasks, users

__all__ = ["scheduled_tasks", "users"]
