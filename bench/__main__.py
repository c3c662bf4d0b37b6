"""``python -m bench``: every speed target with its peers and limit, as a table and as JSON."""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import neve
from bench import cases


def main() -> None:
    """Run the chosen cases and print what they measured."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each contestant")
    parser.add_argument("--only", nargs="*", choices=sorted(cases.CASES), help="cases to run")
    parser.add_argument("--json", type=Path, default=Path("bench-result.json"))
    arguments = parser.parse_args()
    # An installed wheel has its bytecode; an editable checkout may not (PYTHONDONTWRITEBYTECODE).
    compileall.compile_dir(str(Path(neve.__file__).parent), quiet=2)
    rows: list[cases.Row] = []
    with tempfile.TemporaryDirectory(prefix="neve-bench-") as scratch:
        for name in arguments.only or cases.CASES:
            sys.stderr.write(f"{name}\n")
            folder = Path(scratch) / name
            folder.mkdir()
            rows.extend(cases.CASES[name](folder, arguments.rounds))
    print(cases.table(rows))
    document = {
        "schema_version": 1,
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "rounds": arguments.rounds,
        "rows": [row.document() for row in rows],
    }
    arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    print(f"JSON: {arguments.json}")
    missed = [row for row in rows if row.met is False]
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
