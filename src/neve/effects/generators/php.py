"""PHP's module links, as ``phpenmod`` makes them for every installed SAPI.

Source: php-common's ``phpenmod``/``phpquery`` and ``php-maintscript-helper``: a module is enabled
for every SAPI unless somebody disabled it, under the priority its ini file states (default 20).
"""

from __future__ import annotations

import re

from neve.effects.bench import Workbench, effect_reason
from neve.effects.generators.request import Request, requester
from neve.model import Reason
from neve.tree import Kind

_CONFIGURATION = "/etc/php"
_PRIORITY = re.compile(r"^;\s*priority=([0-9]{1,3})\s*$", re.M)
_DEFAULT_PRIORITY = 20
_VERSION = re.compile(r"[0-9]+\.[0-9]+")
_LINK = re.compile(r"[0-9]{1,3}-[^/]+\.ini")


def run(bench: Workbench, requests: tuple[Request, ...]) -> None:
    """Link every available module into each SAPI's ``conf.d``; links without a module go."""
    reason = effect_reason(requester(requests, "php-common"), "phpenmod")
    for version in bench.tree.children(_CONFIGURATION):
        if not _VERSION.fullmatch(version):
            continue
        modules = _modules(bench, version)
        for sapi in _sapis(bench, version):
            directory = f"{_CONFIGURATION}/{version}/{sapi}/conf.d"
            _unlink(bench, directory, set(modules), reason)
            for link, target in modules.items():
                bench.link(f"{directory}/{link}", target, reason)


def _modules(bench: Workbench, version: str) -> dict[str, str]:
    available = f"{_CONFIGURATION}/{version}/mods-available"
    found: dict[str, str] = {}
    for name, entry in bench.files_in(available):
        if name.endswith(".ini"):
            text = (bench.bytes_of(entry) or b"").decode("utf-8", "replace")
            stated = _PRIORITY.search(text)
            priority = int(stated.group(1)) if stated else _DEFAULT_PRIORITY
            found[f"{priority:02d}-{name}"] = f"{available}/{name}"
    return found


def _sapis(bench: Workbench, version: str) -> list[str]:
    """Installed SAPIs: each package brings a marker (``phpquery -S``)."""
    return list(bench.tree.children(f"/usr/lib/php/{version}/sapi"))


def _unlink(bench: Workbench, directory: str, wanted: set[str], reason: Reason) -> None:
    for name in bench.tree.children(bench.tree.resolve(directory)):
        entry = bench.tree.get(bench.place(f"{directory}/{name}"))
        ours = entry is not None and entry.kind is Kind.SYMLINK and _LINK.fullmatch(name)
        dangling = ours and bench.tree.locate(f"{directory}/{name}") is None
        if dangling and name not in wanted:
            bench.remove(f"{directory}/{name}", reason)
