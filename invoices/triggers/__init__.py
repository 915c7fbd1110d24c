"""Database triggers that keep issued invoices, credit notes and refunds consistent."""
