"""Check that accruals are as they were computed; tests compute them a second time."""

from billing.audit.check import Check
from billing.revenue.accruals.accrual_run import ACCRUAL_DIGEST

_CHANGED = f"""
SELECT a.id AS accrual_id, a.period_id, a.month FROM billing_accrual a
WHERE a.digest IS DISTINCT FROM {ACCRUAL_DIGEST}
"""  # noqa: S608

CHECKS = (Check("accruals_equal_their_digest", "B11", _CHANGED),)
