"""Invoices that a person makes, of one-off claims: docs/invoices.md#one-off."""

from invoices.claiming.lines import CannotClaim, OneOff
from invoices.claiming.operation import Asked, asked_of, discard, draft_invoice, edit_draft, issue_draft, preview

__all__ = [
    "Asked",
    "CannotClaim",
    "OneOff",
    "asked_of",
    "discard",
    "draft_invoice",
    "edit_draft",
    "issue_draft",
    "preview",
]
