"""
Collect amounts due through a provider: docs/payments.md#payment-attempts.

An attempt is a row before its provider receives it, and its outcome is recorded once it is known: `start_payment` or
`open_page`, then `submit_attempt`, then `record_outcome`. If a process dies in between, `collect_due_payments`
resumes from the row.
"""

from invoices.payments.attempts.checkout import close_pages, open_page
from invoices.payments.attempts.payment_start import PaymentAttemptRefused, start_payment
from invoices.payments.attempts.provider_calls import submit_attempt
from invoices.payments.attempts.retry import collect_due_payments
from invoices.payments.attempts.settlement import record_outcome

__all__ = [
    "PaymentAttemptRefused",
    "close_pages",
    "collect_due_payments",
    "open_page",
    "record_outcome",
    "start_payment",
    "submit_attempt",
]
