"""Confirmed actions that show the effect of the choices in their form before they run."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from django.http.response import HttpResponseBase

from lib.admin.confirmed_actions import ConfirmedAction, Preview, Subject
from lib.translation import Text


class PreviewedAction(ConfirmedAction[Subject]):
    """
    An action whose effect depends on the choices in its form: it shows the effect of these choices before it runs.

    What runs is always what was shown: other choices are shown first. `preview` uses `effects` and `is_shown`.
    preview_verb: the button that shows the effect, if it is not the one that runs the action.
    """

    preview_verb: Text = ""
    seen = ""
    effects: Sequence[str] = ()

    def preview(self, subject: Subject, /) -> Preview:
        preview = super().preview(subject)
        verb = "" if self.is_shown else self.preview_verb
        return replace(preview, consequences=[*preview.consequences, *self.effects], verb=verb)

    def effect(self, subject: Subject, /) -> Iterable[str]:
        """Return the effect of the choices in sentences."""
        raise NotImplementedError

    def needs_preview(self) -> bool:
        return True

    @property
    def is_shown(self) -> bool:
        """Whether the page shows the effect of the choices, so that the button runs the action."""
        return bool(self.seen)

    def confirm(self, subject: Subject, /) -> HttpResponseBase | None:
        chosen = " ".join(map(str, self.choices.values()))
        if not self.needs_preview() or self.request.POST.get("seen") == chosen:
            return super().confirm(subject)
        self.effects = list(self.effect(subject))
        self.seen = chosen
        return None

    def hidden_fields(self) -> list[tuple[str, str]]:
        return [("seen", self.seen)]
