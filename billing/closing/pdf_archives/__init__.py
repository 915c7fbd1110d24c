"""PDFs of many invoices: rendered by a job and downloaded in one archive: docs/rendering.md#many-pdfs."""
