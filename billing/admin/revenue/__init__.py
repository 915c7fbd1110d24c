"""Staff pages on the revenue of sellers, below the list of sellers: see `config/admin_site/pages.py`."""

from billing.admin.revenue import movement_page, mrr_page
from lib.admin.staff_admin import FurtherPages

REVENUE_PAGES: FurtherPages = (
    ("revenue/mrr/", mrr_page.page, "revenue_mrr"),
    ("revenue/mrr/movements/", movement_page.page, "revenue_movements"),
)
"""(route below the list of sellers, view, name of the URL)."""
