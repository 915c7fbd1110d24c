"""
What went into a wallet and out of it in a span of time, as finance and customers read it.

`stating` adds the ledger up, without Django; `reading` reads it; `files` makes tables and PDFs of it.
"""
