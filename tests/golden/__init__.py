"""Amounts that other billing systems charge, compared with those of our own functions."""

import pytest

pytest.register_assert_rewrite("tests.golden.cases")  # a failed assertion then shows both values
