"""Wallets that are topped up by themselves, strictly below their threshold: docs/wallets.md#auto-top-up."""

from wallets.auto_topup.rules import TopUpRuleRequest, TopUpRuleRefused, CeilingLimits, remove_rule, set_rule, switch_on
from wallets.auto_topup.settlement import TopUpOutcome, settle
from wallets.auto_topup.topup_run import top_up_wallets, run_topups

__all__ = [
    "TopUpRuleRequest",
    "TopUpRuleRefused",
    "CeilingLimits",
    "TopUpOutcome",
    "top_up_wallets",
    "remove_rule",
    "set_rule",
    "settle",
    "run_topups",
    "switch_on",
]
