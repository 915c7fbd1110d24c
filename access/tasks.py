"""Scheduled tasks of access."""

from access.approvals import expire_due
from access.approvals.emails import mail_due_requests
from access.audit_log import log_head, seal_changes
from access.audit_log import remove_old_history as remove_due_history
from access.retention import delete_old_rows
from lib.task_clock import BULK_SECONDS, due_task

mail_approvals = due_task("access.mail_approvals", mail_due_requests)
expire_approvals = due_task("access.expire_approvals", expire_due)
log_audit_head = due_task("access.log_audit_head", log_head)
seal_audit_log = due_task("access.seal_audit_log", seal_changes)
remove_old_history = due_task("access.remove_old_history", remove_due_history, seconds=BULK_SECONDS)
purge_old_rows = due_task("access.purge_old_rows", delete_old_rows)
