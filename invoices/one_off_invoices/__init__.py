"""One-off invoices, which staff or API clients create: docs/invoices.md#one-off."""

from invoices.one_off_invoices.one_off_invoice import (
    OneOffRequest,
    request_from_draft,
    discard_draft,
    draft_invoice,
    edit_draft,
    issue_draft,
    preview_invoice,
)
from invoices.one_off_invoices.one_off_lines import OneOffInvoiceRefused, OneOffLine

__all__ = [
    "OneOffRequest",
    "OneOffInvoiceRefused",
    "OneOffLine",
    "request_from_draft",
    "discard_draft",
    "draft_invoice",
    "edit_draft",
    "issue_draft",
    "preview_invoice",
]
