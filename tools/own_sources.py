"""Write ``src/neve/vulns/data/debian-sources.txt``: Debian's source packages whose maintainer's
address is not Debian's.

Nothing else tells their binaries from a stranger's: no advisory knows most of them. Reads the
signed indexes of every Debian release that neve knows. Run it once a release.
"""

from __future__ import annotations

from pathlib import Path

import neve
from neve.archive import SuiteRequest
from neve.distro.debian import RELEASES
from neve.formats.deb import field, paragraphs
from neve.verbs.context import Workspace
from neve.verbs.progress import Silent
from neve.verbs.settings import load_settings
from neve.vulns.origin import SOURCES_FILE, is_debian_address

OUTPUT = Path(neve.__file__).parent / "vulns" / SOURCES_FILE


def main() -> None:
    """Collect the names and write the file."""
    settings = load_settings({}, environment={}, directory=Path("/"))
    names: set[str] = set()
    with Workspace(settings, Silent()) as workspace:
        for release in RELEASES:
            requests = [SuiteRequest.of(suite) for suite in release.suites if suite.default]
            for archive in workspace.archives(release).indexes(requests, ("amd64",)):
                for index in archive.indexes:
                    text = workspace.store.read(index.data)
                    for stanza in paragraphs(text, subject=archive.suite):
                        if not is_debian_address(field(stanza, "Maintainer") or ""):
                            source = field(stanza, "Source") or field(stanza, "Package") or ""
                            names.add(source.partition(" ")[0])
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text("".join(f"{name}\n" for name in sorted(names)))
    print(f"{OUTPUT}: {len(names)} source packages")


if __name__ == "__main__":
    main()
