"""What a line comes to on its document: the one place that says so, for the database's own check and all who ask."""


def net_of(line: str) -> str:
    """Return the SQL expression for what can be credited of a line at most; line: its table's alias in the query."""
    return f"{line}.amount"
