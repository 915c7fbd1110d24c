"""What other billing systems charge, run through our own functions."""

import pytest

pytest.register_assert_rewrite("tests.golden.cases")  # so that a failure shows both figures
