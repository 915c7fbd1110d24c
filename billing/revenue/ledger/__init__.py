"""The books: postings computed from their sources, and frozen when a month is locked: docs/postings.md."""
