"""Customers who are tried out, in a time of their own: docs/sandbox.md."""

from billing.simulation.sandbox.clock_advance import (
    CannotAdvance,
    advance,
    advance_all,
    go_on,
    make_clock,
    stay,
    try_again,
)

__all__ = ["CannotAdvance", "advance", "advance_all", "go_on", "make_clock", "stay", "try_again"]
