"""Staff pages that belong to no app of ours: people, groups and scheduled tasks."""

from config.backoffice import people, scheduled

__all__ = ["people", "scheduled"]
