"""Scheduled tasks of invoices."""

from invoices.documents import past_due
from invoices.payments import attempts
from invoices.payments.bank_statements.match_run import match_lines
from invoices.payments.dunning import dunning_run
from invoices.payments.provider_webhooks.event_followup import process_events
from invoices.payments.refunds.refund import submit_due_refunds
from invoices.rendering import renderer
from lib.task_clock import BULK_SECONDS, due_task

render_due = due_task("invoices.render_due", renderer.render_due)
collect_payments = due_task("invoices.collect_payments", attempts.collect_due_payments, seconds=BULK_SECONDS)
submit_refunds = due_task("invoices.submit_refunds", submit_due_refunds, seconds=BULK_SECONDS)
process_provider_events = due_task("invoices.process_provider_events", process_events, seconds=BULK_SECONDS)
run_dunning = due_task("invoices.run_dunning", dunning_run.run_dunning, seconds=BULK_SECONDS)
mark_past_due = due_task("invoices.mark_past_due", past_due.mark_overdue)
match_bank_lines = due_task("invoices.match_bank_lines", match_lines, seconds=BULK_SECONDS)
