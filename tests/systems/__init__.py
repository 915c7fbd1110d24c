"""Systems of other companies, each with its own offer: docs/recipes."""

import pytest

pytest.register_assert_rewrite("tests.systems.story", "tests.systems.catalog_forms")
