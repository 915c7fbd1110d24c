"""Dimensions as one types them: “model: gpt-4o, token: output” for {"model": "gpt-4o", "token": "output"}."""


def match_of(text: str) -> dict[str, str]:
    """
    Return dimension → value for pairs with commas between; {} for none, which is all other usage.

    :raises ValueError: if a pair is not `dimension: value`, or a dimension is named twice.
    """
    match: dict[str, str] = {}
    for pair in filter(None, (one.strip() for one in text.split(","))):
        dimension, _, wanted = (one.strip() for one in pair.partition(":"))
        if not dimension or not wanted:
            raise ValueError(f"“{pair}” does not say what it matches: write it as “model: gpt-4o”.")
        if dimension in match:
            raise ValueError(f"“{dimension}” is named twice: no usage has two values of it.")
        match[dimension] = wanted
    return match


def text_of(match: dict[str, str]) -> str:
    return ", ".join(f"{dimension}: {value}" for dimension, value in match.items())
