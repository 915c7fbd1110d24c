"""Revenue, metrics and the books: computed from invoices, subscriptions and the wallet ledger; they change none."""
