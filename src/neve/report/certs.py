"""``neve certs`` as text for people: those that end first at the top."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neve.report.table import Column, table, wrapped

if TYPE_CHECKING:
    from neve.verbs.add_certs import AddCertsResult
    from neve.verbs.certs import CertsResult, ListedCertificate

_SHOWN_UNJUDGED = 20


def certs_text(result: CertsResult, width: int) -> str:
    """A row a certificate, then what was not listed or not judged, and the findings."""
    rows = [_row(one) for one in result.certificates]
    columns = [
        Column(title=""),
        Column(title="subject", shrink=True),
        Column(title="issuer", shrink=True, spare=True),
        Column(title="sha256"),
        Column(title="until"),
        Column(title="days", number=True),
        Column(title="whose"),
        Column(title="in", shrink=True),
    ]
    text = table(columns, rows, width=width) + "\n" if rows else ""
    for one in result.unjudged[:_SHOWN_UNJUDGED]:
        text += wrapped(f"not judged: {one.path}: {one.reason}", width)
    if len(result.unjudged) > _SHOWN_UNJUDGED:
        text += f"… and {len(result.unjudged) - _SHOWN_UNJUDGED} more that were not judged\n"
    listed = f"{len(result.certificates)} certificates on {result.today}"
    if result.public:
        listed += f", besides {result.public} public roots (--all lists them)"
    text += wrapped(listed, width)
    if result.findings:
        soon = f" or within {result.within} days" if result.within else ""
        text += f"{result.findings} expired{soon}\n"
    return text


def added_text(result: AddCertsResult, width: int) -> str:
    """The difference, and whom the image will trust: somebody should compare the fingerprint."""
    text = result.difference or f"{result.recipe}: already so\n"
    for one in result.certificates:
        text += wrapped(f"trusts {one.subject}, {one.valid_from} to {one.valid_until}", width)
        text += f"  sha256:{one.fingerprint}\n"
    return text


def _row(one: ListedCertificate) -> list[str]:
    whose = f"recipe: {one.name}" if one.name else one.whose
    return [
        "!" if one.finding else "",
        one.subject,
        "itself" if one.issuer == one.subject else one.issuer,
        one.fingerprint[:16],
        str(one.not_after),
        str(one.days_left),
        f"{whose}, {one.trust}" if one.trust == "leaf" else whose,
        _places(one.paths),
    ]


def _places(paths: tuple[str, ...]) -> str:
    if len(paths) == 1:
        return paths[0]
    return f"{paths[0]} and {len(paths) - 1} more" if paths else ""
