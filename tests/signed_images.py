"""Image files with C2PA manifests, signed by an authority that is made up on the spot. No network, no time stamps."""

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import c2pa
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from PIL import Image

from audit.images import Pixels

MIME = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "TIFF": "image/tiff", "GIF": "image/gif"}
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@dataclass(frozen=True)
class Authority:
    """Certificates in PEM: of the signer and its authority, of the authority alone; and the signer's key."""

    chain: bytes
    key: bytes
    anchor: bytes


@cache
def authority(responder: str = "") -> Authority:
    """A new authority with one signer, whose certificate may name a server that knows of revocations."""
    start, stop = (datetime.now(UTC) + timedelta(days=days) for days in (-20, 10))
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def certificate(name: str, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        built = x509.CertificateBuilder().subject_name(_named(name)).issuer_name(_named("authority")).public_key(public)
        built = built.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(stop)
        return built.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)

    top = certificate("authority", root.public_key()).add_extension(x509.BasicConstraints(True, None), critical=True)
    top = top.add_extension(_usage(authority=True), critical=True)
    end = certificate("signer", leaf.public_key()).add_extension(x509.BasicConstraints(False, None), critical=True)
    end = end.add_extension(_usage(authority=False), critical=True)
    end = end.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    end = end.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False)
    if responder:
        where = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(responder))
        end = end.add_extension(x509.AuthorityInformationAccess([where]), critical=False)
    anchor, signer = (built.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) for built in (top, end))
    plain = serialization.NoEncryption()
    key = leaf.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return Authority(signer + anchor, key, anchor)


def _named(name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "made up")]
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def drawing(side: int = 48, seed: int = 0) -> Pixels:
    """Coloured noise."""
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def encoded(kind: str, pixels: Pixels, **more: object) -> bytes:
    """An image file by Pillow."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **more)
    return buffer.getvalue()


def created(source: str | None = "trainedAlgorithmicMedia", name: str = "made-up generator") -> dict:
    """A manifest of a picture that was created so."""
    action = {"action": "c2pa.created"} | ({"digitalSourceType": SOURCE + source} if source else {})
    actions = {"label": "c2pa.actions", "data": {"actions": [action]}}
    return {"claim_generator_info": [{"name": name, "version": "1"}], "assertions": [actions]}


def signed(
    kind: str,
    data: bytes,
    manifest: dict | None = None,
    *,
    by: Authority | None = None,
    remote: str = "",
    parent: bytes = b"",
) -> bytes:
    """The file with a signed manifest inside, or with the address of one (``remote``) in its stead."""
    by = by or authority()
    settings = {"verify": {"verify_after_sign": False}, "builder": {"thumbnail": {"enabled": False}}}
    written = io.BytesIO()
    with (
        c2pa.Context.from_dict(settings) as context,
        c2pa.Signer.from_info(c2pa.C2paSignerInfo("es256", by.chain, by.key, None)) as signer,
        c2pa.Builder.from_json(json.dumps(manifest or created()), context=context) as builder,
    ):
        if remote:
            builder.set_no_embed()
            builder.set_remote_url(remote)
        if parent:
            builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
            builder.add_ingredient({"title": "before", "relationship": "parentOf"}, MIME[kind], io.BytesIO(parent))
        builder.sign(signer, MIME[kind], io.BytesIO(data), written)
    return written.getvalue()
