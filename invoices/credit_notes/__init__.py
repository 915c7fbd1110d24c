"""Credit invoices, by credit notes: docs/invoices.md."""

from invoices.credit_notes.credit_note import (
    CreditRefused,
    RequestedCredit,
    issue_credit_note,
    preview_credit_note,
    refuse_pending_payment,
)
from invoices.credit_notes.creditable_lines import CreditableInvoice, read_creditable_invoices
from invoices.credit_notes.draft import LineCredit, draft_credit_note
from invoices.credit_notes.void import void_invoice

__all__ = [
    "CreditRefused",
    "CreditableInvoice",
    "LineCredit",
    "RequestedCredit",
    "draft_credit_note",
    "issue_credit_note",
    "preview_credit_note",
    "read_creditable_invoices",
    "refuse_pending_payment",
    "void_invoice",
]
