"""Finding a release by the words of a recipe, and the keys shipped for it."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from neve.distro import debian, ubuntu
from neve.distro.types import Release
from neve.errors import UsageError

_RELEASES = (*debian.RELEASES, *ubuntu.RELEASES)


def releases() -> tuple[Release, ...]:
    """Every release neve knows, oldest first within a distribution."""
    return _RELEASES


def find_distro(name: str, release: str) -> Release:
    """The release of distribution ``name`` called ``release`` (version or codename)."""
    named = [known for known in _RELEASES if known.id == name]
    if not named:
        names = sorted({known.id for known in _RELEASES})
        raise UsageError(f"no distribution called {name!r}", resolution=_choose(name, names))
    for known in named:
        if release in (known.version, known.codename):
            return known
    choices = [word for known in named for word in (known.version, known.codename)]
    raise UsageError(
        f"neve does not know the release {release!r} of {name}",
        resolution=_choose(release, choices),
    )


@cache
def keyring_bytes(name: str) -> bytes:
    """The shipped keyring file ``name`` (binary OpenPGP certificates)."""
    return (files("neve") / "keyrings" / name).read_bytes()


def _choose(word: str, choices: list[str]) -> str:
    close = get_close_matches(word, choices, n=1, cutoff=0.5)
    listed = ", ".join(choices)
    return f"did you mean {close[0]!r}? Known: {listed}" if close else f"choose among {listed}"
