"""
Take money that is due, through a provider: docs/payments.md#charges.

An attempt is a row before its provider hears of it, and its outcome is recorded once it is known: `begin` or
`open_page`, then `ask`, then `settle`. Whoever dies in between leaves a row that `sweep` goes on with.
"""

from invoices.charging.asking import ask
from invoices.charging.beginning import CannotCharge, begin
from invoices.charging.paging import close_pages, open_page
from invoices.charging.settling import settle
from invoices.charging.sweeping import sweep

__all__ = ["CannotCharge", "ask", "begin", "close_pages", "open_page", "settle", "sweep"]
