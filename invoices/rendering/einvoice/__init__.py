"""
E-invoices by EN 16931: facts → business terms → CII (Factur-X) or UBL 2.1. See docs/e-invoices.md.

Pure, except `syntaxes`, which reads a stored invoice: equal facts give equal XML. `BT-` and `BG-` are numbers of
terms and groups in the standard.
"""
