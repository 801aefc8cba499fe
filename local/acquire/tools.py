"""The tools, as data: versions, where they are published, and how they are built from source."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field

SYSTEM = platform.system().lower()
ARCH = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower(), "")


@dataclass(frozen=True, kw_only=True)
class Download:
    """A published file.

    url: address; the file is a .tar.gz, or the program itself.
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
    companions: programs that must lie beside one found on PATH, or it is not taken.
    downloads: official files for this system (none where nothing is published).
    module: folder under local/tools with go.mod and go.sum.
    packages: Go package to program name.
    ldflags: linker flags; version stamps.
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
    newer: str = "patch"
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


PULUMI, ETCD, KUBERNETES = _pulumi(), _etcd(), _kubernetes()
TOOLS = (PULUMI, ETCD, KUBERNETES)
"""In the order in which they are needed."""
