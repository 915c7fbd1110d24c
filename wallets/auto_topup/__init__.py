"""Wallets that are topped up by themselves, strictly below their threshold: docs/wallets.md#auto-top-up."""

from wallets.auto_topup.rules import Asked, CannotRule, Limits, remove_rule, set_rule, switch_on
from wallets.auto_topup.settlement import Outcome, settle
from wallets.auto_topup.topup_run import look, sweep

__all__ = [
    "Asked",
    "CannotRule",
    "Limits",
    "Outcome",
    "look",
    "remove_rule",
    "set_rule",
    "settle",
    "sweep",
    "switch_on",
]
