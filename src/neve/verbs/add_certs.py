"""``neve add cert``: certificates into a recipe, read and judged before a line is written."""

from __future__ import annotations

import os
import textwrap
from dataclasses import dataclass
from pathlib import Path

from neve.errors import Place, SourceError, UsageError
from neve.recipe.certificates import AUTHORITY, LEAF, MAX_FILE, Flaw, Wish, name_of, read_wish
from neve.recipe.edit import apply_edit, diff_text
from neve.recipe.edits import AddCertificate
from neve.recipe.types import TrustedCertificate
from neve.verbs.atomic import write_atomically
from neve.verbs.trusted import CertificateReason, reason_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCertsRequest:
    """The files to trust. ``inline`` writes the certificates themselves into the recipe;
    ``leaf`` trusts self-signed ones that are no CA.
    """

    recipe: Path
    files: tuple[Path, ...]
    leaf: bool = False
    inline: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCertsResult:
    """The edit of the recipe as unified text, and the certificates it is about."""

    recipe: Path
    changed: bool
    difference: str
    certificates: tuple[CertificateReason, ...]


def add_certificates(request: AddCertsRequest) -> AddCertsResult:
    """Add an entry a file to the recipe, keeping comments and order.

    Raises ``SourceError`` for a file that holds a private key or no sound certificate, and
    ``UsageError`` for one that is not beside the recipe; nothing is written then.
    """
    try:
        old = request.recipe.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{request.recipe}: not readable as a recipe ({error})",
            resolution="Name a recipe with --recipe, or write a first one with `neve init`.",
        ) from error
    text = old
    trusted: list[TrustedCertificate] = []
    for file in request.files:
        found = _read(file, request)
        trusted += found
        text = apply_edit(text, _edit(file, found, request), file=str(request.recipe)).text
    changed = text != old
    if changed and not request.dry_run:
        write_atomically(request.recipe, text.encode())
    return AddCertsResult(
        recipe=request.recipe,
        changed=changed,
        difference=diff_text(old, text, file=str(request.recipe)),
        certificates=tuple(reason_of(one, ()) for one in trusted),
    )


def _read(file: Path, request: AddCertsRequest) -> tuple[TrustedCertificate, ...]:
    """The certificates of one file, judged as the recipe's reader will."""
    wish = _wish(file, leaf=request.leaf)
    found, flaws = read_wish(wish)
    if not flaws:
        return found
    first, *others = flaws
    resolution = first.resolution
    if not request.leaf and not read_wish(_wish(file, leaf=True))[1]:
        resolution = f"To trust exactly this server: neve add cert --leaf {file}"
    raise SourceError(
        first.brief,
        place=_place(file, first),
        resolution=resolution,
        details=tuple(f"{_place(file, flaw)}: {flaw.brief}" for flaw in others[:20]),
    )


def _wish(file: Path, *, leaf: bool) -> Wish:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE + 1)
    except OSError as error:
        raise UsageError(
            f"{file}: not readable ({os.strerror(error.errno or 0)})",
            resolution="Check the path and its permissions.",
        ) from error
    return Wish(
        data=data,
        origin=str(file),
        name=name_of(file.as_posix()),
        trust=LEAF if leaf else AUTHORITY,
        field="certificates",
        place=Place(file=str(file), line=0, column=1),
    )


def _place(file: Path, flaw: Flaw) -> Place:
    return Place(file=str(file), line=flaw.line, column=flaw.column)


def _edit(
    file: Path, found: tuple[TrustedCertificate, ...], request: AddCertsRequest
) -> AddCertificate:
    trust = LEAF if request.leaf else None
    if request.inline:
        text = "".join(_pem(one) for one in found)
        return AddCertificate(text=text, name=name_of(file.as_posix()), trust=trust)
    folder = request.recipe.parent.resolve()
    real = file.resolve()
    if folder not in real.parents:
        raise UsageError(
            f"{file}: not beside the recipe ({request.recipe.parent})",
            resolution="Copy it there, so that the recipe stays whole, or write the certificate"
            " into the recipe itself with --inline.",
        )
    return AddCertificate(file=real.relative_to(folder).as_posix(), trust=trust)


def _pem(one: TrustedCertificate) -> str:
    body = "\n".join(textwrap.wrap(one.der, 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
