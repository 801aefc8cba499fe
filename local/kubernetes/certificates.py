"""Keys and certificates of the local Kubernetes control plane, made once a checkout."""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MONITORING_USER = "groundwork-monitoring"
_VALID = datetime.timedelta(days=3650)
_RENEW_BEFORE = datetime.timedelta(days=30)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, as PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class ControlPlaneFiles:
    """Where each certificate lies under `folder`.

    `authority` signs what the API server serves and whom it believes; it must never change while a cluster exists,
    because a kubeconfig carries it. etcd has an authority of its own, so that no client of the API server reaches it.
    """

    folder: Path

    def _pair(self, name: str) -> Pair:
        return Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")

    @property
    def authority(self) -> Pair:
        return self._pair("ca")

    @property
    def api_server(self) -> Pair:
        """What the API server shows to its clients."""
        return self._pair("apiserver")

    @property
    def admin(self) -> Pair:
        """A client in system:masters, for what EKS does to a cluster by itself."""
        return self._pair("admin")

    @property
    def controller_manager(self) -> Pair:
        return self._pair("controller-manager")

    @property
    def monitoring(self) -> Pair:
        """What measures the cluster (`local.monitoring`); may read what RBAC lets it."""
        return self._pair("monitoring")

    @property
    def etcd_authority(self) -> Pair:
        return self._pair("etcd-ca")

    @property
    def etcd_server(self) -> Pair:
        return self._pair("etcd")

    @property
    def etcd_client(self) -> Pair:
        """The API server as a client of etcd."""
        return self._pair("apiserver-etcd-client")

    @property
    def front_proxy_authority(self) -> Pair:
        """Whose clients may speak for other users (aggregated API servers); nobody has such a certificate."""
        return self._pair("front-proxy-ca")

    @property
    def service_account_key(self) -> Path:
        """Signs service account tokens."""
        return self.folder / "service-account.key"

    @property
    def service_account_public_key(self) -> Path:
        return self.folder / "service-account.pub"


def ensure_certificates(folder: Path) -> ControlPlaneFiles:
    """Makes what is missing in `folder`, renews what ends within 30 days, and leaves the rest as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    files = ControlPlaneFiles(folder)
    server_names = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ]
    renewed = _ensure_authority(files.authority, "groundwork-kubernetes")
    _ensure_leaf(files.api_server, files.authority, renewed, "kube-apiserver", server_names=server_names)
    _ensure_leaf(files.admin, files.authority, renewed, "groundwork-admin", organization="system:masters")
    _ensure_leaf(files.controller_manager, files.authority, renewed, "system:kube-controller-manager")
    _ensure_leaf(files.monitoring, files.authority, renewed, MONITORING_USER)
    renewed = _ensure_authority(files.etcd_authority, "groundwork-etcd")
    _ensure_leaf(files.etcd_server, files.etcd_authority, renewed, "etcd", server_names=["localhost"])
    _ensure_leaf(files.etcd_client, files.etcd_authority, renewed, "kube-apiserver")
    _ensure_authority(files.front_proxy_authority, "groundwork-front-proxy")
    if not files.service_account_key.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        _write_key(files.service_account_key, key)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        files.service_account_public_key.write_bytes(public)
    return files


def _is_current(pair: Pair) -> bool:
    if not (pair.certificate.is_file() and pair.key.is_file()):
        return False
    certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    return certificate.not_valid_after_utc - _RENEW_BEFORE > datetime.datetime.now(datetime.UTC)


def _ensure_authority(pair: Pair, common_name: str) -> bool:
    if _is_current(pair):
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name)
    builder = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    _write(pair, builder.sign(key, hashes.SHA256()), key)
    return True


def _ensure_leaf(
    pair: Pair,
    authority: Pair,
    authority_is_new: bool,
    common_name: str,
    organization: str | None = None,
    server_names: Sequence[str] = (),
) -> None:
    if _is_current(pair) and not authority_is_new:
        return
    issuer = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    issuer_key = serialization.load_pem_private_key(authority.key.read_bytes(), password=None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    # Server certificates carry both uses: etcd's peers show theirs as clients as well.
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if server_names else [])]
    builder = (
        _builder(_name(common_name, organization), issuer.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if server_names:
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in server_names]
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    _write(pair, builder.sign(issuer_key, hashes.SHA256()), key)


def _name(common_name: str, organization: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # Clocks of containers and their hosts differ by seconds; a certificate from the future is refused.
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + _VALID)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(pair: Pair, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    _write_key(pair.key, key)
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    content = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
