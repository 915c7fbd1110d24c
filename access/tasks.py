"""Scheduled tasks of access."""

from access.retention import delete_old_rows
from lib.task_clock import due_task

purge_old_rows = due_task("access.purge_old_rows", delete_old_rows)
