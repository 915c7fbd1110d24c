"""
Dimensions in the notation that users type: “model: gpt-4o, token: output” for {"model": "gpt-4o", "token": "output"}.
"""

from django.utils.translation import gettext as _


def parse_match(text: str) -> dict[str, str]:
    """
    Return dimension → value for comma-separated pairs; {} for empty text, which matches all other usage.

    :raises ValueError: if a pair is not `dimension: value`, or a dimension is named twice.
    """
    match: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        dimension, _colon, value = (part.strip() for part in pair.partition(":"))
        if not dimension or not value:
            raise ValueError(
                _("“%(pair)s” is incomplete. Enter a dimension and its value, such as “model: gpt-4o”.")
                % {"pair": pair}
            )
        if dimension in match:
            raise ValueError(_("“%(dimension)s” occurs twice. Enter each dimension once.") % {"dimension": dimension})
        match[dimension] = value
    return match


def format_match(match: dict[str, str]) -> str:
    return ", ".join(f"{dimension}: {value}" for dimension, value in match.items())
