"""`make doctor` on the platform that `make local` has brought up."""

import pytest

from tests.conftest import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


def test_nothing_stands_in_the_way_of_an_up_of_a_platform_that_is_up(platform: Platform):
    result = platform.checkout.run("make", "doctor", "ENV=local")
    assert result.returncode == 0, result.stdout
    assert "✓ api server" in result.stdout
    assert "0 failures" in result.stdout
