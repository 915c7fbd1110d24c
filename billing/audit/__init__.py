"""
Integrity checks of the books: docs/audit.md.

Constraints already enforce nearly every invariant. The checks cover what constraints can't see and no rule of billing
can change: sums over many rows, gaps, seals, recounts of events, history, and work that was left undone. Checks that
work amounts out a second time are the oracle's.
"""

from billing.audit.audit_run import CHECKS, audit
from billing.audit.check import Check, Finding

__all__ = ["CHECKS", "Check", "Finding", "audit"]
