"""The sealed audit log: changes are recorded by triggers, and sealed in batches into a chain. docs/audit-log.md"""

from access.audit_log.account_events import record_account_event
from access.audit_log.erasure import record_erasures
from access.audit_log.removal import remove_old_history
from access.audit_log.seals import log_head, seal_changes
from access.audit_log.verification import find_broken_seals, find_changed_rows, find_gaps

__all__ = [
    "find_broken_seals",
    "find_changed_rows",
    "find_gaps",
    "log_head",
    "record_account_event",
    "record_erasures",
    "remove_old_history",
    "seal_changes",
]
