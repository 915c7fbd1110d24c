"""Form fields and widgets of catalog pages."""
