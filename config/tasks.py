"""Scheduled tasks of the site."""

from config.admin_site.history.log_webhook import send_entries
from lib.task_clock import BULK_SECONDS, due_task

send_audit_log = due_task("platform.send_audit_log", send_entries, seconds=BULK_SECONDS)
