"""Render an issued invoice as a file: facts → figures and words → HTML → PDF. See docs/rendering.md."""
