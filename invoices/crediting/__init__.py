"""Take back what was claimed, by credit notes: docs/invoices.md."""

from invoices.crediting.creditable import Creditable, read_creditable
from invoices.crediting.drafting import Credit, credit_note
from invoices.crediting.operation import CannotCredit, Taken, credit, nothing_is_being_taken, preview
from invoices.crediting.voiding import void

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
