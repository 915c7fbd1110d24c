"""Price lists: all that a version grants and charges, as a file, and from a file into a draft."""
