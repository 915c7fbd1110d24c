"""Each scenario ends with clean books: the integrity checks run on everything that it stored."""

import pytest


@pytest.fixture(autouse=True)
def ends_with_clean_books(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("clean_books")
