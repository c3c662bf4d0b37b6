"""Package facts for a build: from the action cache, or read from the fetched package files.

Reading is spread over threads: inflating and hashing release the interpreter's lock.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

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
    with FactsReader(store, workers=workers) as reader:
        for package in sorted(packages, key=lambda digest: (-store.size(digest), digest)):
            reader.begin(package)
        return reader.finish()


class FactsReader:
    """Reads packages as they arrive, so that inflating one overlaps with fetching the next.

    A context manager; ``begin`` may be called from any thread, ``finish`` once at the end.
    """

    def __init__(self, store: Store, *, workers: int | None = None) -> None:
        self._store = store
        self._pool = ThreadPoolExecutor(workers or os.cpu_count() or 1)
        self._begun: dict[Digest, Future[PackageFacts]] = {}

    def __enter__(self) -> FactsReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def begin(self, package: Digest) -> None:
        """Read ``package``, which is in the store, unless its facts and data are noted."""
        self._begun[package] = self._pool.submit(self._facts, package)

    def finish(self) -> dict[Digest, PackageFacts]:
        """The facts of every package begun; raises what reading one of them raised."""
        return {package: future.result() for package, future in self._begun.items()}

    def _facts(self, package: Digest) -> PackageFacts:
        facts = recall_facts(self._store, package)
        if facts is None or not self._store.has(facts.data):
            facts = read_facts(self._store, package)
        return facts
