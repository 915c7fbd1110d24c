"""Revenue, metrics and the books, from invoices, payments and the wallet ledger alone: docs/recognition.md."""
