"""Wallets that are topped up by themselves, strictly below their threshold: docs/wallets.md#auto-top-up."""

from wallets.topping_up.looking import look, sweep
from wallets.topping_up.ruling import Asked, CannotRule, Limits, remove_rule, set_rule, switch_on
from wallets.topping_up.settling import Outcome, settle

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
