"""Certificates and private keys as files hold them: PEM, DER, PKCS#7, PKCS#12, JKS."""

from neve.formats.certificates.describe import CertificateFacts, describe_certificate
from neve.formats.certificates.read import read_certificates
from neve.formats.certificates.types import Block, BlockKind, CertificateFile, Form, Garbage

__all__ = [
    "Block",
    "BlockKind",
    "CertificateFacts",
    "CertificateFile",
    "Form",
    "Garbage",
    "describe_certificate",
    "read_certificates",
]
