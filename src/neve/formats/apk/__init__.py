"""Alpine packages: the database of installed ones, and the order of their versions."""

from neve.formats.apk.installed import DATABASES, ApkPackage, read_installed
from neve.formats.apk.versions import compare_versions, is_version

__all__ = ["DATABASES", "ApkPackage", "compare_versions", "is_version", "read_installed"]
