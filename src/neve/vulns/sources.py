"""Where feeds come from: the official addresses, by name, and which belong together.

A name here is the feed's name in the index, so that an import and an update replace each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from neve.errors import UsageError

_OSV = "https://osv-vulnerabilities.storage.googleapis.com/{}/all.zip"
_SECDB = "https://secdb.alpinelinux.org/{}/{}.json"
_LISTS = "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data/{}/list"
_ALPINE = ("v3.20", "v3.21", "v3.22", "v3.23")
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSource:
    """One feed: its ``name``, the ``group`` people ask for, where it is, and the most bytes that
    it may have as it comes.
    """

    name: str
    group: str
    url: str
    limit: int = 256 * _MIB


def _osv(group: str, ecosystem: str, name: str, *, limit: int = 256 * _MIB) -> FeedSource:
    url = _OSV.format(ecosystem.replace(" ", "%20"))
    return FeedSource(name=f"osv-{name}", group=group, url=url, limit=limit)


OFFICIAL: tuple[FeedSource, ...] = (
    FeedSource(
        name="debian-tracker",
        group="debian",
        url="https://security-tracker.debian.org/tracker/data/json",
        limit=512 * _MIB,
    ),
    FeedSource(name="debian-dsa", group="debian", url=_LISTS.format("DSA"), limit=32 * _MIB),
    FeedSource(name="debian-dla", group="debian", url=_LISTS.format("DLA"), limit=32 * _MIB),
    _osv("ubuntu", "Ubuntu", "ubuntu", limit=768 * _MIB),
    *(
        FeedSource(
            name=f"alpine-{branch}-{repository}",
            group="alpine",
            url=_SECDB.format(branch, repository),
            limit=32 * _MIB,
        )
        for branch in _ALPINE
        for repository in ("main", "community")
    ),
    _osv("almalinux", "AlmaLinux", "almalinux"),
    _osv("rocky", "Rocky Linux", "rocky-linux"),
    _osv("python", "PyPI", "pypi"),
    _osv("node", "npm", "npm", limit=768 * _MIB),
    _osv("java", "Maven", "maven"),
    _osv("go", "Go", "go"),
    _osv("ruby", "RubyGems", "rubygems"),
    _osv("php", "Packagist", "packagist"),
    _osv("rust", "crates.io", "crates.io"),
    FeedSource(
        name="kev",
        group="exploited",
        url="https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",
        limit=32 * _MIB,
    ),
    FeedSource(
        name="epss",
        group="exploited",
        url="https://epss.empiricalsecurity.com/epss_scores-current.csv.gz",
        limit=64 * _MIB,
    ),
)
"""Every feed that `neve db update` knows by itself."""

DEFAULT_GROUPS = ("debian", "exploited", "go", "java", "node", "php", "python", "ruby")
"""What is fetched and expected where no setting says otherwise."""


def groups() -> tuple[str, ...]:
    """Every group's name, sorted."""
    return tuple(sorted({source.group for source in OFFICIAL}))


def chosen(names: Iterable[str], addresses: Mapping[str, str]) -> tuple[FeedSource, ...]:
    """The feeds of these groups and names, in a fixed order; ``addresses`` replace official ones
    or add feeds of their own names.

    Raises ``UsageError`` for a name that is neither.
    """
    known = {source.name: source for source in OFFICIAL}
    for name, url in addresses.items():
        old = known.get(name)
        known[name] = FeedSource(
            name=name,
            group=old.group if old else name,
            url=url,
            limit=old.limit if old else 512 * _MIB,
        )
    wanted: set[str] = set()
    for word in names:
        found = [s.name for s in known.values() if word in (s.name, s.group)]
        if not found:
            words = sorted({*known, *(s.group for s in known.values())})
            near = get_close_matches(word, words, n=1, cutoff=0.5)
            raise UsageError(
                f"there is no feed or group of feeds called {word!r}",
                resolution=(f"Did you mean {near[0]}? " if near else "")
                + f"Groups: {', '.join(sorted({s.group for s in known.values()}))}.",
            )
        wanted.update(found)
    return tuple(source for name, source in known.items() if name in wanted)
