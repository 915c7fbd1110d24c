"""
The rules of billing a second time: checks that work stored amounts, dates and places out again. docs/audit.md#oracle.

`manage.py audit --recompute` runs them, too, where this package is installed; it ships with the source only.
"""

from billing.audit.check import Check
from tests.oracle import amounts
from tests.oracle.amounts import included_credits, purchases
from tests.oracle.records import (
    access,
    catalog,
    credit_notes,
    invoice_sections,
    invoices,
    limits,
    payments,
    plan_migrations,
    schema,
    subscriptions,
)
from tests.oracle.usage import events

CHECKS: tuple[Check, ...] = (
    *schema.CHECKS,
    *catalog.CHECKS,
    *subscriptions.CHECKS,
    *plan_migrations.CHECKS,
    *events.CHECKS,
    *included_credits.CHECKS,
    *purchases.CHECKS,
    *limits.CHECKS,
    *invoices.CHECKS,
    *invoice_sections.CHECKS,
    *amounts.CHECKS,
    *credit_notes.CHECKS,
    *payments.CHECKS,
    *access.CHECKS,
)
