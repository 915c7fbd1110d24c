"""Error texts that are stored for users."""

# Keeps the message and drops the long tail, such as a statement's parameters.
MAX_CHARACTERS = 2_000


def storable_error_text(error: str) -> str:
    """Return an error text that PostgreSQL can store: at most 2,000 characters, without U+0000."""
    return error.replace("\0", "")[:MAX_CHARACTERS]
