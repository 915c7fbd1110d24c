"""What time does to wallets."""

from dataclasses import asdict
from time import monotonic

from celery import shared_task

from plans.clock import database_time
from wallets.ledger.sweeping import sweep

SECONDS = 45
"""How long one task goes on; the next one takes over."""


@shared_task
def sweep_wallets() -> dict[str, int]:
    """Let holds lapse and lots expire or roll over; harmless to run twice, or on several workers at once."""
    stop_at = monotonic() + SECONDS
    return asdict(sweep(at=database_time(), keep_going=lambda: monotonic() < stop_at))
