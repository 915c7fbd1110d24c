"""Every story ends with clean books: whatever it proves by itself, the audit then looks at all it has left behind."""

import pytest


@pytest.fixture(autouse=True)
def ends_with_clean_books(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("clean_books")
