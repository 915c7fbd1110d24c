"""
Take money that is due, through a provider: docs/payments.md#charges.

An attempt is a row before its provider hears of it, and its outcome is recorded once it is known: `begin` or
`open_page`, then `ask`, then `settle`. Whoever dies in between leaves a row that `sweep` goes on with.
"""

from invoices.payments.attempts.checkout import close_pages, open_page
from invoices.payments.attempts.payment_start import CannotCharge, begin
from invoices.payments.attempts.provider_calls import ask
from invoices.payments.attempts.retry import sweep
from invoices.payments.attempts.settlement import settle

__all__ = ["CannotCharge", "ask", "begin", "close_pages", "open_page", "settle", "sweep"]
