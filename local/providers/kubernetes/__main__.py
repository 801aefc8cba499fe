"""`python -m local.providers.kubernetes`: the plugin process."""

from local.providers.light_sdk import enter_packages_without_running_them

if __name__ == "__main__":
    enter_packages_without_running_them()

    from importlib.metadata import version

    from local.providers.kubernetes.provider import KubernetesProvider
    from local.providers.plugin import serve

    serve(KubernetesProvider(version("pulumi-kubernetes")))
