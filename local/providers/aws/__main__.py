"""`python -m local.providers.aws`: the plugin process."""

from local.providers.light_sdk import enter_packages_without_running_them

if __name__ == "__main__":
    enter_packages_without_running_them()

    from importlib.metadata import version

    from local.providers.aws.provider import AwsProvider
    from local.providers.plugin import serve

    serve(AwsProvider(version("pulumi-aws")))
