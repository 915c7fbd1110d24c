"""Beat's schedule. Each task reads its due work from tables, so a lost run is harmless."""

from typing import Any

SECONDS_BETWEEN_RUNS = {
    "billing.close_due_periods": 30,
    # Usage billed in advance is invoiced within a minute.
    "billing.bill_thresholds": 30,
    "billing.generate_periods": 600,
    "billing.run_rollouts": 60,
    "billing.grant_included_credits": 60,
    "billing.apply_dunning_actions": 60,
    "billing.tax_voucher_usage": 600,
    "billing.run_jobs": 10,
    "billing.advance_clocks": 10,
    "billing.lapse_reservations": 10,
    "billing.evaluate_alerts": 10,
    "billing.accrue_revenue": 3600,
    "billing.queue_sync_records": 300,
    "billing.send_sync_records": 10,
    # Each target begins in its own hour of the night.
    "billing.start_data_drops": 600,
    "billing.apply_retention": 86_400,
    "billing.clear_old_jobs": 3600,
    "billing.remove_old_events": 3600,
    # A rendering whose lease must expire first waits 45 s of the 60 s (invoices/rendering/render_queue.py).
    "invoices.render_due": 10,
    "invoices.collect_payments": 10,
    "invoices.submit_refunds": 10,
    "invoices.process_provider_events": 10,
    "invoices.match_bank_lines": 10,
    "invoices.run_dunning": 300,
    "invoices.mark_past_due": 600,
    "wallets.settle_purchases": 10,
    "wallets.pay_invoices": 30,
    "wallets.top_up_wallets": 10,
    "wallets.expire_lots": 60,
    "plans.publish_due_versions": 60,
    "access.mail_approvals": 60,
    "access.expire_approvals": 60,
    "access.seal_audit_log": 10,
    "access.log_audit_head": 3600,
    "platform.send_audit_log": 30,
    "access.purge_old_rows": 3600,
    "access.remove_old_history": 3600,
    "customers.dispatch_notifications": 5,
    "customers.mail_portal_links": 5,
    "customers.purge_notifications": 3600,
    "customers.purge_idempotency_keys": 3600,
    "customers.purge_portal_links": 3600,
}
"""Task → seconds. Work that a killed worker leaves behind continues within 60 s."""


def _entry(task: str, seconds: int) -> dict[str, Any]:
    """Return beat's entry; a message that waited for nearly the whole interval expires in favor of the next one."""
    return {"task": task, "schedule": float(seconds), "options": {"expires": max(seconds - 5, seconds / 2)}}


SCHEDULE = {task: _entry(task, seconds) for task, seconds in SECONDS_BETWEEN_RUNS.items()}
