"""Take back what was claimed, by credit notes: docs/invoices.md."""

from invoices.credit_notes.credit_note import CannotCredit, Taken, credit, nothing_is_being_taken, preview
from invoices.credit_notes.creditable_lines import Creditable, read_creditable
from invoices.credit_notes.draft import Credit, credit_note
from invoices.credit_notes.void import void

__all__ = [
    "CannotCredit",
    "Credit",
    "Creditable",
    "Taken",
    "credit",
    "credit_note",
    "nothing_is_being_taken",
    "preview",
    "read_creditable",
    "void",
]
