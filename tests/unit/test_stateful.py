"""The types that hold what cannot be made again: one list, that no other one of the project goes beyond."""

import pytest

from operations import stateful
from operations.teardown import protected
from policies.rules import protection

pytestmark = pytest.mark.unit


def test_what_the_policy_pack_protects_and_a_teardown_names_is_stateful():
    assert set(protection.STATEFUL) | set(protected.STATEFUL) <= set(stateful.STATEFUL)


def test_a_bucket_takes_its_objects_along_and_a_route_takes_nothing():
    assert stateful.is_stateful("aws:s3/bucket:Bucket")
    assert "objects" in stateful.what_is_lost("aws:s3/bucket:Bucket")
    assert not stateful.is_stateful("aws:ec2/route:Route")
    assert stateful.what_is_lost("aws:ec2/route:Route") == ""
