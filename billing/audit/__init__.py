"""
Integrity checks of the books: docs/audit.md.

Constraints already enforce nearly every invariant. The checks cover what constraints can't see (sums over many rows,
functions of several tables), and repeat what constraints enforce, in case someone has bypassed them.
"""

from billing.audit.audit_run import CHECKS, AuditFailed, assert_clean, audit
from billing.audit.check import Check, Finding

__all__ = ["CHECKS", "AuditFailed", "Check", "Finding", "assert_clean", "audit"]
