"""Price lists: the export of a version's terms to a file, and the import of a file into a draft."""
