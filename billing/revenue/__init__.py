"""Revenue earned, deferred and owed, from invoices, payments and the wallet ledger alone: docs/recognition.md."""
