"""python -m benchmark.methods list | show NAME | new FILE: list methods, show one, start your own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from benchmark.core.errors import CloudMaskError, ConfigError
from benchmark.core.files import write_text
from benchmark.methods.interface import Network
from benchmark.methods.loading import SHIPPED, default_options, import_method, installed_methods, load_method

TEMPLATE = Path(__file__).with_name("template.py")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status: 0 done, 2 failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.methods", description="List and show methods, or begin one of your own."
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("list", help="the shipped methods, and those that installed packages add")
    shown = verbs.add_parser("show", help="what a method is, its sources and its options")
    shown.add_argument("name", metavar="NAME", help="a shipped method, package.module, or path/to/file.py")
    begun = verbs.add_parser("new", help="write a commented method that runs, to be changed")
    begun.add_argument("file", type=Path, metavar="FILE", help="the new file, for example methods/mine.py")
    options = parser.parse_args(arguments)
    try:
        if options.verb == "list":
            print(listing())
        elif options.verb == "show":
            print(description(options.name))
        else:
            print(begin(options.file))
    except (CloudMaskError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def listing() -> str:
    """Return a line for every method: name, title, and the package that adds it."""
    rows = [(name, import_method(name).ABOUT.title) for name in SHIPPED]
    for name, module in sorted(installed_methods().items()):
        rows.append((name, f"{import_method(name).ABOUT.title} ({module})"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {title}" for name, title in rows)


def description(name: str) -> str:
    """Describe a method, with its options as a configuration would state them."""
    loaded = load_method(name, {})
    about = loaded.about
    kind = "a network, trained by steps" if isinstance(loaded.method, Network) else "fitted once"
    lines = [f"{loaded.name}: {about.title}", f"kind:     {kind}", f"licence:  {about.licence}"]
    lines += [f"source:   {loaded.source}", f"adapted:  {about.adapted}"]
    lines += [f"cites:    {citation}" for citation in about.citations]
    if options := default_options(import_method(name)):
        lines += ["options, with their defaults (--set method.options.NAME=VALUE):"]
        lines += [f"  {line}" for line in yaml.safe_dump(options, sort_keys=False).splitlines()]
    return "\n".join(lines)


def begin(path: Path) -> str:
    """Write the template; return what to do next. Raises ConfigError if the file exists."""
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ConfigError(
            str(path),
            found="no name of a module",
            expected="a file like mine.py",
            remedy="choose another name",
        )
    if path.exists():
        raise ConfigError(str(path), found="a file", expected="no file yet", remedy="choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, TEMPLATE.read_text(encoding="utf-8"))
    return f"wrote {path}; run it: python -m benchmark.run --method {path}"


if __name__ == "__main__":
    sys.exit(main())
