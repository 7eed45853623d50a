"""`python -m infra.settings COMMAND`: check and upgrade stack files, regenerate what is made from the models."""

from __future__ import annotations

import argparse
from pathlib import Path

from infra.command_line import end
from infra.pages import add_output, write_page
from infra.settings.faults import render
from infra.settings.loading import STACKS, check_folder
from infra.settings.reference import reference_page
from infra.settings.schema import schema_text
from infra.settings.upgrade import UpgradeError, upgrade


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 fine, 1 faults found, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m infra.settings", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="report every fault of every stack file of a folder")
    check.add_argument("folder", type=Path, nargs="?", default=Path(STACKS), help="folder of the stack files (stacks)")
    older = commands.add_parser("upgrade", help="bring stack files of an older form up to date, in place")
    older.add_argument("files", type=Path, nargs="+", metavar="FILE", help="stack file")
    for name, target in (("schema", Path(STACKS) / "schema.json"), ("reference", Path("docs/settings.md"))):
        command = commands.add_parser(name, help=f"write {target} from the models")
        add_output(command, target)
    options = parser.parse_args(arguments)
    if options.command == "check":
        return _check(options.folder)
    if options.command == "upgrade":
        return _upgrade(options.files)
    return write_page(options.output, schema_text if options.command == "schema" else reference_page)


def _upgrade(files: list[Path]) -> int:
    status = 0
    for file in files:
        try:
            before, now = upgrade(file)
        except UpgradeError as error:
            print(f"{error}; the file is as it was")
            status = 1
            continue
        print(f"{file}: version {before} -> {now}" if before != now else f"{file}: has version {now} already")
    if status == 0:
        print("way on: python -m infra.settings check")
    return status


def _check(folder: Path) -> int:
    files, faults = check_folder(folder)
    if not files:
        print(f"no stack file in {folder}: they are named Pulumi.STACK.yaml; give the folder that holds them")
        return 1
    if faults:
        print(render(faults))
        return 1
    print(f"{len(files)} stack files, no fault: " + ", ".join(file.name for file in files))
    return 0


if __name__ == "__main__":
    end(main)
