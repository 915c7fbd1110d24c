"""Accounting files: postings mapped to accounts, for accounting programs to import: docs/accounting-files.md."""
