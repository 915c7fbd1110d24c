"""Invoices and credit notes as documents: drafted, totaled, numbered, issued and locked by month."""
