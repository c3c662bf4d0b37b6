"""The recipe's certificates as ``why``, ``diff`` and ``build`` speak of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from neve.recipe.types import TrustedCertificate

if TYPE_CHECKING:
    from neve.verbs.records import Recorded

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
"""The years 1 and 9999 in seconds since 1970: a hostile record may name any number."""
_SOON = 30
_SHORTEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateReason:
    """One certificate of the recipe: who it is, where the recipe has it, and the stores of the
    image that hold it, as (path, who reads it).
    """

    name: str
    subject: str
    issuer: str
    fingerprint: str
    valid_from: date
    valid_until: date
    trust: str
    source: str
    stores: tuple[tuple[str, str], ...]


def reason_of(one: TrustedCertificate, stores: tuple[tuple[str, str], ...]) -> CertificateReason:
    """``one`` for people, with the ``stores`` that hold it."""
    return CertificateReason(
        name=one.name,
        subject=one.subject,
        issuer=one.issuer,
        fingerprint=one.fingerprint,
        valid_from=day_of(one.not_before),
        valid_until=day_of(one.not_after),
        trust=one.trust,
        source=one.source,
        stores=stores,
    )


def held_at(found: Recorded, *paths: str) -> tuple[CertificateReason, ...]:
    """The recipe's certificates in the trust store that one of ``paths`` names, if it is one."""
    stores = found.record.trust_stores
    if not any(path == store for path in paths for store, _ in stores):
        return ()
    return tuple(reason_of(one, stores) for one in found.lock.recipe.certificates)


def matching(found: Recorded, words: str) -> tuple[CertificateReason, ...]:
    """The certificates that ``words`` mean: a name, a subject, or (the head of) a fingerprint as
    any tool writes it.
    """
    plain = words.lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    head = len(plain) >= _SHORTEST and re.fullmatch("[0-9a-f]+", plain)
    return tuple(
        reason_of(one, found.record.trust_stores)
        for one in found.lock.recipe.certificates
        if words in (one.name, one.subject) or (head and one.fingerprint.startswith(plain))
    )


def described(one: TrustedCertificate) -> str:
    """One line that changes whenever the certificate does."""
    kind = "" if one.trust == "authority" else f", trusted as {one.trust}"
    return f"{one.subject}, sha256 {one.fingerprint[:16]}, until {day_of(one.not_after)}{kind}"


def soon_expired(
    certificates: Sequence[TrustedCertificate], *, since: int, clock: int
) -> tuple[str, ...]:
    """What a build says beside its bytes: certificates that were good at the lock's time
    (``since``) and have expired by ``clock``, will within a month, or are not valid yet. Times
    in seconds.
    """
    notes = []
    for one in certificates:
        if one.not_before > clock:
            start = f"certificate {one.name} ({one.subject}) is not valid before"
            notes.append(f"{start} {day_of(one.not_before)}")
            continue
        if one.not_after < since or one.not_after > clock + _SOON * 86_400:
            continue
        days = abs(one.not_after - clock) // 86_400
        when = f"expires in {days} days" if one.not_after >= clock else f"expired {days} days ago"
        what = f"certificate {one.name} ({one.subject}) {when}, on {day_of(one.not_after)}"
        notes.append(f"{what}: replace it in the recipe ({one.source})")
    return tuple(notes)


def day_of(seconds: int) -> date:
    """The UTC day of a time; the last or first that a calendar has for one beyond it."""
    seconds = min(max(seconds, _FIRST), _LAST)
    return (_EPOCH + timedelta(seconds=seconds)).date()
