"""Pages of revenue: reports with their charts, the postings behind each figure, and recurring revenue."""

from billing.admin.revenue import balance_page, movement_page, mrr_page
from lib.admin.staff_admin import FurtherPages

REVENUE_PAGES: FurtherPages = (
    ("revenue/mrr/", mrr_page.page, "revenue_mrr"),
    ("revenue/mrr/movements/", movement_page.page, "revenue_movements"),
    ("revenue/mrr/customers/", balance_page.page, "revenue_balances"),
)
"""(route below the list of sellers, view, name of the URL)."""
