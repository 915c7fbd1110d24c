"""Scheduled tasks of wallets."""

from lib.task_clock import BULK_SECONDS, due_task
from wallets import purchases
from wallets.auto_topup import run_topups
from wallets.ledger.expiry_job import expire_due
from wallets.operations import invoice_payment

expire_lots = due_task("wallets.expire_lots", expire_due, seconds=BULK_SECONDS)
settle_purchases = due_task("wallets.settle_purchases", purchases.settle_purchases)
pay_invoices = due_task("wallets.pay_invoices", invoice_payment.pay_invoices, seconds=BULK_SECONDS)
top_up_wallets = due_task("wallets.top_up_wallets", run_topups, seconds=BULK_SECONDS)
