"""Package facts for a build: from the action cache, or read from the fetched package files.

Reading is spread over threads: inflating and hashing release the interpreter's lock.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from neve.build.steps import Step, StepKind
from neve.errors import NeveError
from neve.formats.deb import FACTS_VERSION, PackageFacts, dump_facts, load_facts
from neve.model import Digest
from neve.store import Store


def read_step(package: Digest) -> Step:
    """The step that reads one package file into facts."""
    inputs = (FACTS_VERSION, str(package))
    return Step(kind=StepKind.READ_PACKAGE, inputs=inputs, reason="what the package holds")


def recall_facts(store: Store, package: Digest) -> PackageFacts | None:
    """Facts that an earlier build noted, without their content: ``None`` where there are none."""
    noted = store.action(read_step(package).id)
    if noted is None:
        return None
    try:
        return load_facts(noted)
    except (NeveError, ValueError):
        return None


def read_facts(store: Store, package: Digest) -> PackageFacts:
    """Facts of the package file ``package``, noted for the next build.

    Raises ``StoreError`` where the file is not in the store and ``HostileInputError`` where it
    is no sound package.
    """
    from neve.formats.deb.package import read_package  # brings the codecs: cold builds only

    with store.open_blob(package) as deb:
        facts = read_package(deb, digest=package, store=store)
    store.remember(read_step(package).id, dump_facts(facts))
    return facts


def gather_facts(
    store: Store, packages: Sequence[Digest], *, workers: int | None = None
) -> dict[Digest, PackageFacts]:
    """Facts of every package, read where they are not noted yet or their data was collected."""
    found: dict[Digest, PackageFacts] = {}
    missing: list[Digest] = []
    for package in packages:
        facts = recall_facts(store, package)
        if facts is None or not store.has(facts.data):
            missing.append(package)
        else:
            found[package] = facts
    if missing:
        missing.sort(key=lambda digest: (-store.size(digest), digest))
        with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
            for facts in pool.map(lambda digest: read_facts(store, digest), missing):
                found[facts.digest] = facts
    return found
