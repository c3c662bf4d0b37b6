"""From what a script looked at to the conditions under which its effect holds.

Pure. Only packaged paths can differ between images, so only they can be conditions; what is
there in every image that holds the package (its own files, its strict dependencies, the
Essential set that scripts may rely on without saying so) decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from neve.effects.database import merged
from neve.effects.ops import Precondition
from neve.model import Digest
from neve.sandbox.trace_record import Look

_NEVER = (
    "/usr/share/debconf/",
    "/usr/share/dpkg/",
    "/usr/lib/locale/",
    "/usr/share/locale/",
    "/etc/ld.so",
    "/usr/share/zoneinfo/",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrounding:
    """What stood around one traced package.

    ``own`` are its packaged paths, ``packaged`` path → package of everything in the traced
    root, ``elsewhere`` path → package of the suite's packages that were not in it, all under
    merged-/usr names. ``given`` are the packages that are always there with this one.
    ``digest`` tells the packaged content of a path.
    """

    own: frozenset[str]
    packaged: Mapping[str, str]
    elsewhere: Mapping[str, str]
    given: frozenset[str]
    digest: Callable[[str], Digest | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """``absent_owners``: the packages whose coming would break an absence, by path."""

    preconditions: tuple[Precondition, ...]
    reads: tuple[tuple[str, Digest], ...]
    absent_owners: Mapping[str, str]


def read_conditions(
    looks: Iterable[Look],
    surrounding: Surrounding,
    *,
    changed: frozenset[str],
    own_content: bool = False,
) -> Conditions:
    """Conditions and reads of one trace; ``changed`` paths are the script's own doing.

    With ``own_content`` what the script read of its own package's files is a condition too: it
    wrote text of its own, which may come from them.
    """
    present: set[str] = set()
    absent: dict[str, str] = {}
    reads: dict[str, Digest] = {}
    for look in looks:
        path = merged(look.path)
        if own_content and look.action == "read" and look.found and path in surrounding.own:
            digest = surrounding.digest(path)
            if digest is not None and path not in changed:
                reads[path] = digest
        if path in surrounding.own or path in changed or path.startswith(_NEVER):
            continue
        owner = surrounding.packaged.get(path)
        if look.found and owner is not None and owner not in surrounding.given:
            present.add(path)
            if look.action == "read" and (digest := surrounding.digest(path)) is not None:
                reads[path] = digest
        elif not look.found and owner is None and path in surrounding.elsewhere:
            absent[path] = surrounding.elsewhere[path]
    conditions = [Precondition(path=path, present=True) for path in sorted(present - set(reads))]
    conditions += [Precondition(path=path, present=False) for path in sorted(absent)]
    return Conditions(
        preconditions=tuple(conditions), reads=tuple(sorted(reads.items())), absent_owners=absent
    )
