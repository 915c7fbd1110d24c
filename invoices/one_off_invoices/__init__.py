"""Invoices that a person makes, of one-off claims: docs/invoices.md#one-off."""

from invoices.one_off_invoices.one_off_invoice import (
    Asked,
    asked_of,
    discard,
    draft_invoice,
    edit_draft,
    issue_draft,
    preview,
)
from invoices.one_off_invoices.one_off_lines import CannotClaim, OneOff

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
