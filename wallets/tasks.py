"""Scheduled tasks of wallets. Each reads its due work from tables, so a lost run is harmless and a repeat safe."""

from collections.abc import Callable
from dataclasses import asdict
from time import monotonic

from celery import shared_task

from lib.task_clock import database_time
from wallets import purchases
from wallets.auto_topup import run_topups
from wallets.ledger.expiry_job import expire_due
from wallets.operations import invoice_payment

MAX_TASK_SECONDS = 45
"""How long a run lasts; the next one continues."""


def _until_time_is_up() -> Callable[[], bool]:
    stop_at = monotonic() + MAX_TASK_SECONDS
    return lambda: monotonic() < stop_at


@shared_task(name="wallets.expire_lots")
def expire_lots() -> dict[str, int]:
    """Lapse expired holds, and expire or roll over the lots that are due."""
    return asdict(expire_due(at=database_time(), should_continue=_until_time_is_up()))


@shared_task(name="wallets.settle_purchases")
def settle_purchases() -> dict[str, int]:
    """Grant the credits of paid purchases."""
    return asdict(purchases.settle_purchases(at=database_time()))


@shared_task(name="wallets.pay_invoices")
def pay_invoices() -> int:
    """Pay due invoices from the wallets that allow it."""
    return invoice_payment.pay_invoices(at=database_time(), should_continue=_until_time_is_up())


@shared_task(name="wallets.top_up_wallets")
def top_up_wallets() -> dict[str, int]:
    """Top up wallets whose balance is below their threshold."""
    return asdict(run_topups(at=database_time(), should_continue=_until_time_is_up()))
