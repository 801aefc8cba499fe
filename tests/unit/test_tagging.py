"""Tags and labels come from one place and reach everything."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest

from components.tagging import platform_tags, register_tagging
from tests.unit.recording import record

pytestmark = pytest.mark.unit


def test_an_aws_resource_is_named_and_keeps_the_tags_it_brings():
    def program() -> None:
        register_tagging("groundwork-dev", "dev")
        aws.ec2.Vpc("plain", cidr_block="10.0.0.0/16")
        aws.ec2.Vpc("own", cidr_block="10.0.0.0/16", tags={"a": "b"})
        aws.ec2.Vpc("later", cidr_block="10.0.0.0/16", tags=pulumi.Output.from_input({"c": "d"}))
        aws.kms.Alias("untaggable", name="alias/x", target_key_id="k")

    recording = record(program)
    tags = {name: item.inputs["tags"] for name, item in recording.of("aws:ec2/vpc:Vpc").items()}
    assert tags == {
        "plain": {"Name": "groundwork-dev-plain"},
        "own": {"Name": "groundwork-dev-own", "a": "b"},
        "later": {"Name": "groundwork-dev-later", "c": "d"},
    }
    assert "tags" not in recording.one("aws:kms/alias:Alias").inputs


def test_children_of_a_component_are_tagged_too():
    def program() -> None:
        register_tagging("groundwork-dev", "dev")
        parent = pulumi.ComponentResource("groundwork:test:Part", "part")
        aws.ec2.Vpc("child", cidr_block="10.0.0.0/16", opts=pulumi.ResourceOptions(parent=parent))

    assert record(program).one("aws:ec2/vpc:Vpc").inputs["tags"] == {"Name": "groundwork-dev-child"}


def test_a_kubernetes_object_is_labelled_and_keeps_its_own_labels():
    def program() -> None:
        register_tagging("groundwork-dev", "dev")
        k8s.core.v1.Namespace("team", metadata=k8s.meta.v1.ObjectMetaArgs(name="team", labels={"a": "b"}))

    assert record(program).one("kubernetes:core/v1:Namespace").inputs["metadata"]["labels"] == {
        "a": "b",
        "app.kubernetes.io/managed-by": "groundwork",
        "groundwork/environment": "dev",
    }


def test_the_platforms_tags_win_over_the_settings():
    tags = platform_tags("dev", {"cost-centre": "42", "managed-by": "hand"})
    assert tags == {"cost-centre": "42", "managed-by": "groundwork", "groundwork:environment": "dev"}
    assert json.dumps(tags)
