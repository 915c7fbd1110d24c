"""manage.py render_due"""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from invoices.models import Rendering
from invoices.rendering import renderer
from invoices.rendering.render_queue import RENDERINGS
from lib.task_clock import database_time


class Command(BaseCommand):
    help = "Generate the missing PDF files of issued invoices. Several may run at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, default=1_000_000, help="stop after this many attempts")
        parser.add_argument(
            "--parked",
            action="store_true",
            help="retry those that were abandoned after repeated failures, for example after installing a font",
        )

    def handle(self, *, limit: int, parked: bool, **options: Any) -> None:
        at = database_time()
        if parked:
            self.stdout.write(f"abandoned and retried: {RENDERINGS.revive_parked(at=at):,}")
        outcome = renderer.render_due(at=at, limit=limit, seconds=float("inf"))
        self.stdout.write(f"{outcome.rendered:,} rendered, {outcome.failed:,} failed")
        for rendering in Rendering.objects.parked().select_related("invoice").defer("content")[:20]:
            self.stdout.write(self.style.WARNING(f"{rendering.invoice}: {rendering.error}"))
