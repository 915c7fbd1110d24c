"""Sandbox customers on test clocks: docs/sandbox.md."""

from billing.simulation.sandbox.clock_advance import (
    CannotAdvance,
    advance_all,
    advance_clock,
    create_clock,
    retry_advance,
    start_advance,
    stop_clock,
)

__all__ = [
    "CannotAdvance",
    "advance_all",
    "advance_clock",
    "create_clock",
    "retry_advance",
    "start_advance",
    "stop_clock",
]
