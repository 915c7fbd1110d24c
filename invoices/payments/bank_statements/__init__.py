"""Bank statements: imported once, matched to invoices and booked as payments. docs/payments.md#bank-statements"""
