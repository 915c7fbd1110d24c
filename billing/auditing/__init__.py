"""
Read the books and say what is wrong with them: docs/audit.md.

Nearly every promise is a constraint already. Checked here is what constraints cannot see (sums over many rows, or
functions of several tables) and, once more, what they should have seen, in case somebody was stronger than they.
"""

from billing.auditing.checks import Check, Finding
from billing.auditing.operation import CHECKS, Violated, assert_clean, audit

__all__ = ["CHECKS", "Check", "Finding", "Violated", "assert_clean", "audit"]
