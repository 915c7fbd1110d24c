"""Automatic top-ups of wallets whose balance is strictly below a threshold: docs/wallets.md#automatic-top-ups."""

from wallets.auto_topup.rules import (
    CeilingLimits,
    TopUpRuleRefused,
    TopUpRuleRequest,
    remove_rule,
    set_rule,
    switch_on,
)
from wallets.auto_topup.settlement import TopUpOutcome, settle
from wallets.auto_topup.topup_run import run_topups, top_up_wallets

__all__ = [
    "CeilingLimits",
    "TopUpOutcome",
    "TopUpRuleRefused",
    "TopUpRuleRequest",
    "remove_rule",
    "run_topups",
    "set_rule",
    "settle",
    "switch_on",
    "top_up_wallets",
]
