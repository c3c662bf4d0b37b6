"""The table of generators, in the fixed order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from neve.effects.bench import Workbench
from neve.effects.generators import certificates, javastore, ldcache, php
from neve.effects.generators.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """``run`` edits the workbench for all requests at once; ``always`` means even unasked."""

    run: Callable[[Workbench, tuple[Request, ...]], None]
    always: bool = False


GENERATORS: Mapping[str, Generator] = {
    "ld.so.cache": Generator(run=ldcache.run, always=True),
    "ca-certificates": Generator(run=certificates.run, always=True),
    "java-cacerts": Generator(run=javastore.run, always=True),
    "php-modules": Generator(run=php.run),
}
