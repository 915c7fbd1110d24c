"""What time does to wallets."""

from dataclasses import asdict
from time import monotonic

from celery import shared_task

from lib.task_clock import database_time
from wallets.auto_topup import run_topups as sweep_topups
from wallets.ledger.expiry_job import expire_due
from wallets.operations.invoice_payment import pay_invoices as pay
from wallets.purchases import settle_purchases as settle

SECONDS = 45
"""How long one task goes on; the next one takes over."""


@shared_task
def sweep_wallets() -> dict[str, int]:
    """Let holds lapse and lots expire or roll over; harmless to run twice, or on several workers at once."""
    stop_at = monotonic() + SECONDS
    return asdict(expire_due(at=database_time(), should_continue=lambda: monotonic() < stop_at))


@shared_task
def settle_purchases() -> dict[str, int]:
    """Grant what was bought and is paid; harmless to run twice, or on several workers at once."""
    return asdict(settle(at=database_time()))


@shared_task
def pay_invoices() -> int:
    """Pay what is due from wallets that may; harmless to run twice, or on several workers at once."""
    stop_at = monotonic() + SECONDS
    return pay(at=database_time(), should_continue=lambda: monotonic() < stop_at)


@shared_task
def top_up_wallets() -> dict[str, int]:
    """Top up what is below its threshold; harmless to run twice, or on several workers at once."""
    stop_at = monotonic() + SECONDS
    return asdict(sweep_topups(at=database_time(), should_continue=lambda: monotonic() < stop_at))
