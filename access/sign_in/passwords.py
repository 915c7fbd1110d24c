"""Passwords of staff: docs/security.md#passwords."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

OWN_WORDS = ("tollbook", "billing", "invoice", "finance", "password")
"""Words that everyone would try here."""

LEAST_REST = 6
"""Characters that a password needs besides these words."""


class OwnWordsValidator:
    """Refuses passwords that consist of words of this product or installation and little else."""

    def validate(self, password: str, user: Any = None) -> None:
        """
        Check a password.

        :raises ValidationError: if fewer than LEAST_REST characters remain without the words.
        """
        rest = password.lower()
        for word in own_words():
            rest = rest.replace(word, "")
        if len(rest) < min(LEAST_REST, len(password)):
            raise ValidationError(
                _("This password consists of words that belong to this product. Add others."),
                code="password_own_words",
            )

    def get_help_text(self) -> str:
        return _("Your password can't consist of the names of this product or of its address.")


def own_words() -> list[str]:
    """Return the words, the longest first: those of the product, and of the names of its hosts."""
    labels = {label for host in settings.ALLOWED_HOSTS for label in host.lower().split(".") if len(label) > 3}
    return sorted({*OWN_WORDS, *labels}, key=lambda word: (-len(word), word))
