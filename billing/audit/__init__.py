"""
Read the books and say what is wrong with them: docs/audit.md.

Nearly every promise is a constraint already. Checked here is what constraints cannot see (sums over many rows, or
functions of several tables) and, once more, what they should have seen, in case somebody was stronger than they.
"""

from billing.audit.audit_run import CHECKS, Violated, assert_clean, audit
from billing.audit.check import Check, Finding

__all__ = ["CHECKS", "Check", "Finding", "Violated", "assert_clean", "audit"]
