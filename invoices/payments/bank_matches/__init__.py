"""
Which invoices a line of a bank statement pays: docs/payments.md#matching.

Pure arithmetic on candidates that the caller has read: no Django, no database and no clock.
"""

from invoices.payments.bank_matches.candidates import BankPayer, InvoiceCandidate, ReceivedAmount
from invoices.payments.bank_matches.decision import MatchDecision, PlannedBooking, decide
from invoices.payments.bank_matches.invoice_numbers import Mention, find_mention, near_sequences, sequences_in
from invoices.payments.bank_matches.payer_names import name_words, names_agree
from invoices.payments.bank_matches.suggestions import InvoiceSuggestion, rank

__all__ = [
    "BankPayer",
    "InvoiceCandidate",
    "InvoiceSuggestion",
    "MatchDecision",
    "Mention",
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
