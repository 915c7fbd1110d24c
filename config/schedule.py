"""What beat asks for, and how often. Each task looks in the tables for what is due, so one missed is no loss."""

from typing import Any


def _every(seconds: float, task: str) -> dict[str, Any]:
    """Return beat's entry for a task; a request that waited for the whole interval gives way to the next."""
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds - 5, seconds / 2)}}


# What a worker leaves undone when it dies is taken up again within 60 s; of these, a rendering whose claim must lapse
# first waits for 45 s (invoices/rendering/render_queue.py).
SCHEDULE = {
    "close due periods": _every(30.0, "billing.tasks.close_due_periods"),
    "bill progress": _every(60.0, "billing.tasks.bill_progress"),
    "extend periods": _every(600.0, "billing.tasks.extend_periods"),
    "render issued documents": _every(10.0, "invoices.tasks.render_due"),
    "charge customers": _every(10.0, "invoices.tasks.charge_customers"),
    "send refunds": _every(10.0, "invoices.tasks.send_refunds"),
    "follow providers' events": _every(10.0, "invoices.tasks.follow_provider_events"),
    "take dunning steps": _every(300.0, "invoices.tasks.take_dunning_steps"),
    "follow dunning": _every(60.0, "billing.tasks.follow_dunning"),
    "mark overdue invoices": _every(600.0, "invoices.tasks.mark_overdue"),
    "settle purchases": _every(10.0, "wallets.tasks.settle_purchases"),
    "pay invoices from wallets": _every(30.0, "wallets.tasks.pay_invoices"),
    "top up wallets": _every(10.0, "wallets.tasks.top_up_wallets"),
    "publish due versions": _every(60.0, "plans.tasks.publish_due"),
    "roll out versions": _every(60.0, "billing.tasks.roll_out"),
    "grant included credits": _every(60.0, "billing.tasks.grant_included_credits"),
    "sweep wallets": _every(60.0, "wallets.tasks.sweep_wallets"),
    "work on jobs": _every(10.0, "billing.tasks.run_jobs"),
    "advance test clocks": _every(10.0, "billing.tasks.advance_clocks"),
    "lapse reservations": _every(10.0, "billing.tasks.lapse_reservations"),
    "evaluate alerts": _every(10.0, "billing.tasks.evaluate_alerts"),
    "let go of personal data": _every(86_400.0, "billing.tasks.let_go_of_personal_data"),
    "forget old jobs": _every(3600.0, "billing.tasks.forget_old_jobs"),
    "tell what happened": _every(5.0, "customers.tasks.tell"),
    "forget old notices": _every(3600.0, "customers.tasks.forget_old_notices"),
    "forget old answers": _every(3600.0, "customers.tasks.forget_old_answers"),
    "mail portal links": _every(5.0, "customers.tasks.mail_portal_links"),
    "forget old portal links": _every(3600.0, "customers.tasks.forget_old_portal_links"),
}
