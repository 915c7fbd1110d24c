"""Revenue reports: each is one statement over the books of a seller, in one currency: docs/revenue-reports.md."""
