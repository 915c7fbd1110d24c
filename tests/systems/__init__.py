"""The offers of well-known systems, from the meter to the invoice: docs/recipes."""

import pytest

pytest.register_assert_rewrite("tests.systems.story", "tests.systems.catalog_forms")
