"""Looking after neve itself: its settings, its store and what nobody uses of that."""

from __future__ import annotations

import re
from dataclasses import replace

from neve.errors import UsageError
from neve.store import GcReport, Store, StoreReport
from neve.verbs.settings import Settings

_AGES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SIZES = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_DEFAULT_AGE = "30d"


def shown_settings(settings: Settings) -> Settings:
    """The settings as they may be shown: addresses without the logins in them."""
    from neve.net import shown

    mirrors = {alias: tuple(shown(url) for url in urls) for alias, urls in settings.mirrors.items()}
    sources = {feed: shown(url) for feed, url in settings.feed_sources.items()}
    return replace(settings, mirrors=mirrors, feed_sources=sources)


def verify_store(settings: Settings) -> StoreReport:
    """Re-hash every entry of the store; damaged ones are removed and named in the report."""
    with Store.open(settings.store) as store:
        return store.verify()


def collect_garbage(
    settings: Settings, *, max_age: str | None = None, max_size: str | None = None
) -> GcReport:
    """Remove what was last used ``max_age`` ago (``30d``) or is beyond ``max_size`` (``5GB``).

    With neither, what was not used for thirty days goes. Raises ``UsageError`` for other forms.
    """
    if max_age is None and max_size is None:
        max_age = _DEFAULT_AGE
    with Store.open(settings.store) as store:
        return store.gc(
            max_age=_quantity("--max-age", max_age, _AGES) if max_age is not None else None,
            max_bytes=_quantity("--max-size", max_size, _SIZES) if max_size is not None else None,
        )


def _quantity(option: str, text: str, units: dict[str, int]) -> int:
    match = re.fullmatch(r"(\d{1,12})\s*([A-Za-z]*)", text)
    if match is None or match[2] not in units:
        known = ", ".join(unit for unit in units if unit)
        raise UsageError(
            f"{option} {text}: expected a whole number and a unit",
            resolution=f"The units are {known}, as in 30d or 5GB.",
        )
    return int(match[1]) * units[match[2]]
