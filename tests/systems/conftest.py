"""The story of a page of docs/recipes, by its name, on a real server that starts empty."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from tollbook_client import Tollbook

from tests.api.calls import Caller
from tests.builders import make_seller
from tests.systems.catalog_forms import CatalogForms
from tests.systems.recipe import Recipe
from tests.systems.story import Story


@pytest.fixture
def story(transactional_db: None, live_server: Any, clean_books: None, settings: Any) -> Callable[[str], Story]:
    """Return a function that begins the story of a page; the books are clean after it."""
    # Finance publishes in the past, and goes on in the present.
    settings.SESSION_IDLE_SECONDS = settings.SESSION_COOKIE_AGE = 10**9

    def begin(page: str) -> Story:
        make_seller()
        admin = Client()
        admin.force_login(User.objects.create_superuser("finance"))
        return Story(
            Recipe(page), forms=CatalogForms(admin), api=Tollbook(Caller(sandbox=True).secret, live_server.url)
        )

    return begin
