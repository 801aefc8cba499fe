"""The tools, as data: versions, where they are published, and how they are built from source."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field

SYSTEM = platform.system().lower()
ARCH = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower(), "")


@dataclass(frozen=True, kw_only=True)
class Download:
    """A published file.

    url: address; the file is a .tar.gz, a .zip, or the program itself.
    take: patterns of what to take out of the archive; nothing for a bare program.
    checksums: address of its checksum list (lines `<hex>  <file name>`, or the bare hex).
    algorithm: name of the hash in that list.
    """

    url: str
    checksums: str
    take: tuple[str, ...] = ()
    algorithm: str = "sha256"


@dataclass(frozen=True, kw_only=True)
class Tool:
    """Programs that come and are versioned together.

    title: how a user knows it.
    programs: executables, the first of which tells its version.
    version_command: arguments that make it print its version.
    newer: which versions on PATH will do: "any" newer one of the same major version, or a newer "patch" only.
    oldest: when given, every version on PATH from this one on will do, older ones than `version` too.
    companions: programs that must lie beside one found on PATH, or it is not taken.
    downloads: official files for this system (none where nothing is published).
    module: folder under local/tools with go.mod and go.sum.
    packages: Go package to program name.
    ldflags: linker flags; version stamps.
    left_out: Go module to files of it that are not compiled.
    build_space: bytes that a cold build takes, module and build caches included.
    """

    name: str
    title: str
    version: str
    programs: tuple[str, ...]
    version_command: tuple[str, ...]
    module: str
    packages: Mapping[str, str]
    ldflags: str
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    newer: str = "patch"
    oldest: str = ""
    companions: tuple[str, ...] = ()
    downloads: tuple[Download, ...] = field(default=())
    build_space: int = 2_000_000_000

    @property
    def folder_name(self) -> str:
        """Name of its folder in the cache."""
        return f"{self.name}-{self.version}-{SYSTEM}-{ARCH}"


def _pulumi() -> Tool:
    version = "3.259.0"
    base = "https://get.pulumi.com/releases/sdk"
    arch = {"amd64": "x64"}.get(ARCH, ARCH)
    return Tool(
        name="pulumi",
        title="Pulumi engine",
        version=version,
        programs=("pulumi",),
        version_command=("version",),
        newer="any",
        companions=("pulumi-language-python",),
        downloads=(
            Download(
                url=f"{base}/pulumi-v{version}-{SYSTEM}-{arch}.tar.gz",
                take=("pulumi/pulumi", "pulumi/*python*", "pulumi/pulumi-analyzer-policy"),
                checksums=f"{base}/pulumi-{version}-checksums.txt",
            ),
        ),
        module="pulumi",
        packages={"github.com/pulumi/pulumi/pkg/v3/cmd/pulumi": "pulumi"},
        ldflags=f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{version}",
    )


def _etcd() -> Tool:
    version = "3.6.5"
    base = f"https://github.com/etcd-io/etcd/releases/download/v{version}"
    name = f"etcd-v{version}-{SYSTEM}-{ARCH}"
    return Tool(
        name="etcd",
        title="etcd",
        version=version,
        programs=("etcd",),
        version_command=("--version",),
        # A .zip on macOS: there it is built, which takes half a minute.
        downloads=(Download(url=f"{base}/{name}.tar.gz", take=(f"{name}/etcd",), checksums=f"{base}/SHA256SUMS"),)
        if SYSTEM == "linux"
        else (),
        module="etcd",
        packages={"go.etcd.io/etcd/server/v3": "etcd"},
        ldflags="",
        build_space=600_000_000,
    )


def _kubernetes() -> Tool:
    version = "1.36.3"
    base = f"https://dl.k8s.io/v{version}/bin/{SYSTEM}/{ARCH}"
    programs = ("kube-apiserver", "kube-controller-manager")
    stamp = "k8s.io/component-base/version"
    major, minor, _ = version.split(".")
    return Tool(
        name="kubernetes",
        title="Kubernetes API server",
        version=version,
        programs=programs,
        version_command=("--version",),
        downloads=tuple(Download(url=f"{base}/{program}", checksums=f"{base}/{program}.sha256") for program in programs)
        if SYSTEM == "linux"
        else (),
        module="kubernetes",
        packages={f"k8s.io/kubernetes/cmd/{program}": program for program in programs},
        ldflags=f"-X {stamp}.gitVersion=v{version} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor}",
        build_space=3_000_000_000,
    )


def _prometheus() -> Tool:
    # The last one that is made of modules which every module proxy has.
    version = "3.9.1"
    base = f"https://github.com/prometheus/prometheus/releases/download/v{version}"
    name = f"prometheus-{version}.{SYSTEM}-{ARCH}"
    programs = ("prometheus", "promtool")
    return Tool(
        name="prometheus",
        title="Prometheus",
        version=version,
        programs=programs,
        version_command=("--version",),
        # Debian 12's package. The rules are written for Amazon's service, which speaks the same language as version 2.
        oldest="2.42.0",
        downloads=(
            Download(
                url=f"{base}/{name}.tar.gz",
                take=tuple(f"{name}/{program}" for program in programs),
                checksums=f"{base}/sha256sums.txt",
            ),
        ),
        # The module's version for Prometheus 3.9.1 is v0.309.1. Built from it, Prometheus has no pages for a browser:
        # these come from a build of JavaScript that the module does not carry. Its API is whole.
        module="monitoring",
        packages={f"github.com/prometheus/prometheus/cmd/{program}": program for program in programs},
        ldflags=f"-X github.com/prometheus/common/version.Version={version}",
        # Discovery in clouds is half of the program. Without this list of it, discovery by file and by HTTP are left.
        left_out={"github.com/prometheus/prometheus": ("plugins/plugins.go",)},
        build_space=3_000_000_000,
    )


def _kube_state_metrics() -> Tool:
    version = "2.18.0"
    return Tool(
        name="kube-state-metrics",
        title="kube-state-metrics",
        version=version,
        programs=("kube-state-metrics",),
        version_command=("version",),
        # Its project publishes images alone.
        downloads=(),
        module="monitoring",
        packages={"k8s.io/kube-state-metrics/v2": "kube-state-metrics"},
        ldflags=f"-X github.com/prometheus/common/version.Version=v{version}",
        build_space=2_000_000_000,
    )


def _node_exporter() -> Tool:
    version = "1.12.1"
    base = f"https://github.com/prometheus/node_exporter/releases/download/v{version}"
    name = f"node_exporter-{version}.{SYSTEM}-{ARCH}"
    return Tool(
        name="node-exporter",
        title="Node exporter",
        version=version,
        programs=("node_exporter",),
        version_command=("--version",),
        newer="any",
        downloads=(
            Download(url=f"{base}/{name}.tar.gz", take=(f"{name}/node_exporter",), checksums=f"{base}/sha256sums.txt"),
        ),
        module="monitoring",
        packages={"github.com/prometheus/node_exporter": "node_exporter"},
        ldflags=f"-X github.com/prometheus/common/version.Version={version}",
        build_space=600_000_000,
    )


def _terraform() -> Tool:
    # The last version under the Mozilla Public License; a newer one on PATH does as well.
    version = "1.5.7"
    base = f"https://releases.hashicorp.com/terraform/{version}"
    return Tool(
        name="terraform",
        title="Terraform",
        version=version,
        programs=("terraform",),
        version_command=("version",),
        oldest="1.5.0",
        downloads=(
            Download(
                url=f"{base}/terraform_{version}_{SYSTEM}_{ARCH}.zip",
                take=("terraform",),
                checksums=f"{base}/terraform_{version}_SHA256SUMS",
            ),
        ),
        module="terraform",
        packages={"github.com/hashicorp/terraform": "terraform"},
        ldflags="",
        build_space=3_000_000_000,
    )


def _actionlint() -> Tool:
    version = "1.7.12"
    base = f"https://github.com/rhysd/actionlint/releases/download/v{version}"
    return Tool(
        name="actionlint",
        title="actionlint",
        version=version,
        programs=("actionlint",),
        version_command=("-version",),
        newer="any",
        downloads=(
            Download(
                url=f"{base}/actionlint_{version}_{SYSTEM}_{ARCH}.tar.gz",
                take=("actionlint",),
                checksums=f"{base}/actionlint_{version}_checksums.txt",
            ),
        ),
        module="actionlint",
        packages={"github.com/rhysd/actionlint/cmd/actionlint": "actionlint"},
        ldflags=f"-X github.com/rhysd/actionlint.version={version}",
        build_space=300_000_000,
    )


PULUMI, ETCD, KUBERNETES = _pulumi(), _etcd(), _kubernetes()
TOOLS = (PULUMI, ETCD, KUBERNETES)
"""What `make local` needs, in the order in which it does."""
PROMETHEUS, KUBE_STATE_METRICS, NODE_EXPORTER = _prometheus(), _kube_state_metrics(), _node_exporter()
MONITORING_TOOLS = (PROMETHEUS, KUBE_STATE_METRICS, NODE_EXPORTER)
"""What `make local-monitoring` needs besides."""
TERRAFORM = _terraform()
"""What tests write a genuine Terraform state with; the platform itself needs none."""
ACTIONLINT = _actionlint()
"""What tests check the shipped workflows with."""
