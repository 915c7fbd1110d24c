"""What is kept of an error for people to read."""

MOST_CHARACTERS = 2_000


def storable_error_text(error: str) -> str:
    """Return what people are told of an error, as PostgreSQL can store it: 2,000 characters at most, none U+0000."""
    return error.replace("\0", "")[:MOST_CHARACTERS]
