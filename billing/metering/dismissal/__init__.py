"""Unmatched usage that nobody has to look into: dismissed by hand, or ignored by a rule. docs/ingest.md#dismissal."""

from billing.metering.dismissal.dismissals import dismiss, undo_dismissal
from billing.metering.dismissal.ignore_rules import add_ignore_rule, remove_ignore_rule

__all__ = ["add_ignore_rule", "dismiss", "remove_ignore_rule", "undo_dismissal"]
