"""RPM: the database of installed packages, and the order of versions.

Owns reading the SQLite form (rpm 4.16 and later); the older forms are told apart and left.
"""

from neve.formats.rpm.installed import Form, RpmPackage, database_form, read_installed
from neve.formats.rpm.versions import compare_versions, is_version

__all__ = [
    "Form",
    "RpmPackage",
    "compare_versions",
    "database_form",
    "is_version",
    "read_installed",
]
