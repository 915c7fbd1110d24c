"""
Statements of a wallet: movements in a time span, as finance and customers read them.

`totals` adds the ledger up, without Django; `ledger_sums` reads it; `files` renders CSV and PDF.
"""
