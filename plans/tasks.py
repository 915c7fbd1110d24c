"""Scheduled tasks of plans."""

from lib.task_clock import due_task
from plans.publishing import publication

publish_due_versions = due_task("plans.publish_due_versions", publication.publish_due)
