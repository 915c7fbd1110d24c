"""Parts of staff pages for every app."""
