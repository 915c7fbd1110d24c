"""
Which invoices a line of a bank statement pays: docs/payments.md#matching.

Pure arithmetic on candidates that the caller has read: no Django, no database and no clock.
"""

from invoices.payments.bank_matching.candidates import InvoiceCandidate, Payer, ReceivedAmount
from invoices.payments.bank_matching.decision import MatchDecision, PlannedBooking, decide
from invoices.payments.bank_matching.invoice_numbers import Mention, find_mention, near_sequences, sequences_in
from invoices.payments.bank_matching.payer_names import name_words, names_agree
from invoices.payments.bank_matching.suggestions import InvoiceSuggestion, rank

__all__ = [
    "InvoiceCandidate",
    "InvoiceSuggestion",
    "MatchDecision",
    "Mention",
    "Payer",
    "PlannedBooking",
    "ReceivedAmount",
    "decide",
    "find_mention",
    "name_words",
    "names_agree",
    "near_sequences",
    "rank",
    "sequences_in",
]
