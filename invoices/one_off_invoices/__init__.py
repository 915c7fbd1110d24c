"""One-off invoices, which staff or API clients create: docs/invoices.md#one-off-invoices."""

from invoices.one_off_invoices.one_off_invoice import (
    OneOffRequest,
    discard_draft,
    draft_invoice,
    edit_draft,
    issue_draft,
    preview_invoice,
    request_from_draft,
)
from invoices.one_off_invoices.one_off_lines import OneOffInvoiceRefused, OneOffLine

__all__ = [
    "OneOffInvoiceRefused",
    "OneOffLine",
    "OneOffRequest",
    "discard_draft",
    "draft_invoice",
    "edit_draft",
    "issue_draft",
    "preview_invoice",
    "request_from_draft",
]
