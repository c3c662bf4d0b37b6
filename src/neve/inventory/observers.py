"""The table of all observers: every way that neve looks into a file.

Each module of a kind of package or finding brings its own rows; nothing else names them.
"""

from __future__ import annotations

from neve.inventory.observe_apk import OBSERVERS as APK
from neve.inventory.observe_binary import OBSERVERS as BINARY
from neve.inventory.observe_certificates import OBSERVERS as CERTIFICATES
from neve.inventory.observe_copyright import OBSERVERS as COPYRIGHT
from neve.inventory.observe_deb import OBSERVERS as DEB
from neve.inventory.observe_dotnet import OBSERVERS as DOTNET
from neve.inventory.observe_elf import OBSERVERS as ELF
from neve.inventory.observe_executables import OBSERVERS as EXECUTABLES
from neve.inventory.observe_java import OBSERVERS as JAVA
from neve.inventory.observe_node import OBSERVERS as NODE
from neve.inventory.observe_others import OBSERVERS as OTHERS
from neve.inventory.observe_php import OBSERVERS as PHP
from neve.inventory.observe_ports import OBSERVERS as PORTS
from neve.inventory.observe_python import OBSERVERS as PYTHON
from neve.inventory.observe_rpm import OBSERVERS as RPM
from neve.inventory.observe_ruby import OBSERVERS as RUBY
from neve.inventory.observe_secrets import OBSERVERS as SECRETS
from neve.inventory.observe_texts import OBSERVERS as TEXTS
from neve.inventory.types import Observer

OBSERVERS: tuple[Observer, ...] = (
    *DEB,
    *APK,
    *RPM,
    *PYTHON,
    *NODE,
    *JAVA,
    *RUBY,
    *PHP,
    *DOTNET,
    *OTHERS,
    *EXECUTABLES,
    *BINARY,
    *TEXTS,
    *COPYRIGHT,
    *ELF,
    *CERTIFICATES,
    *PORTS,
    *SECRETS,
)
