"""
Dimensions in the notation that users type: “model: gpt-4o, token: output” for {"model": "gpt-4o", "token": "output"}.
"""


def parse_match(text: str) -> dict[str, str]:
    """
    Return dimension → value for comma-separated pairs; {} for empty text, which matches all other usage.

    :raises ValueError: if a pair is not `dimension: value`, or a dimension is named twice.
    """
    match: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        dimension, _, value = (part.strip() for part in pair.partition(":"))
        if not dimension or not value:
            raise ValueError(f"“{pair}” does not say what it matches: write it as “model: gpt-4o”.")
        if dimension in match:
            raise ValueError(f"“{dimension}” is named twice: no usage has two values of it.")
        match[dimension] = value
    return match


def format_match(match: dict[str, str]) -> str:
    return ", ".join(f"{dimension}: {value}" for dimension, value in match.items())
