"""Django's command, with catalogs that hold neither guessed translations nor the time of their extraction."""

from pathlib import Path

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching"]

    def write_po_file(self, potfile: str, locale: str) -> None:
        super().write_po_file(potfile, locale)
        catalog = Path(potfile).parent / locale / "LC_MESSAGES" / f"{self.domain}.po"
        lines = catalog.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(('"POT-Creation-Date:', '"Report-Msgid-Bugs-To:'))]
        catalog.write_text("".join(kept), encoding="utf-8")
