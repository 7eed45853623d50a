"""The pack as Pulumi runs it: this folder is the program."""

import sys
from pathlib import Path

# Pulumi puts this folder first on the path; the pack is a package, and its project's folder is what it needs there.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from policies.pack import serve  # noqa: E402 - only now can it be found

serve()
