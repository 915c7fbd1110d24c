"""Parts of staff pages that every app uses."""
