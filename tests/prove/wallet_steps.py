"""Any sequence of wallet operations, at length, on real wallets and on a model without a ledger."""

import traceback

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.prove.verdict import Verdict, say, table
from tests.wallets.machine import Wallets, attempted, ledger_outcomes

STEPS_AT_ONCE = 50
LEAST_ACCEPTED = 0.6
OPERATIONS = (
    "grant",
    "spend",
    "hold",
    "commit",
    "release",
    "expire",
    "void",
    "void all",
    "refund",
    "transfer",
    "extend",
)
MOVEMENTS = (
    *("grant", "spend", "expire", "revive", "roll_over", "repay", "void", "refund", "transfer_out", "transfer_in"),
    *("hold committed", "hold released", "hold lapsed"),
)


def walk(steps: int, number: int, verdict: Verdict) -> None:
    """Take at least this many steps, or none; a seed takes the same steps again."""
    if not steps:
        return
    attempted.clear()
    ledger_outcomes.clear()
    walks = settings(
        deadline=None,
        database=None,
        max_examples=STEPS_AT_ONCE,
        stateful_step_count=STEPS_AT_ONCE,
        phases=[Phase.explicit, Phase.generate],  # a difference is reported as found: shrinking takes minutes
        suppress_health_check=list(HealthCheck),
    )
    while (taken := count_operations()) < steps:
        try:
            run_state_machine_as_test(seed(number + taken)(Wallets), settings=walks)
        except AssertionError as error:
            failure = "".join(traceback.format_exception(error))
            verdict.require(False, f"the ledger differs from the model: {failure}")
            return
    accepted = 1 - attempted["refused"] / count_operations()
    say(f"  {count_operations():,} operations, {accepted:.0%} of them accepted, matched the model")
    verdict.require(accepted >= LEAST_ACCEPTED, f"only {accepted:.0%} of the operations were accepted")
    for names, counts in ((OPERATIONS, attempted), (MOVEMENTS, ledger_outcomes)):
        table(
            ("of it" if counts is ledger_outcomes else "operation", "count"), [(name, counts[name]) for name in names]
        )
        never = [name for name in names if not counts[name]]
        verdict.require(not never, f"this never happened: {', '.join(never)}")


def count_operations() -> int:
    return sum(attempted.values()) - attempted["refused"]
