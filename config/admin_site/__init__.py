"""The staff site as a whole: theme, menu, search, history pages and permissions."""
