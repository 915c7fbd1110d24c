"""
A document as data by EN 16931: facts → its business terms → CII (Factur-X) or UBL 2.1. See docs/e-invoices.md.

Pure, but for `syntaxes`, which reads a stored document: equal facts give equal XML. `BT-` and `BG-` are the numbers
of terms and groups in the standard.
"""
