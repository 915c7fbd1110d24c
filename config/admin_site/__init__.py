"""The staff site as a whole: its look, its menu, its search, its history pages and who may do what."""
