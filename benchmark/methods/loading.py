"""Load a method by its name: shipped, installed, a module, the user's own file, or masks.

Reading a log, a configuration or a tree imports no method: only a run that uses it, or a user who lists or
shows it, imports a method.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from benchmark.core.errors import ConfigError, MethodError
from benchmark.core.fields import FieldMessages, read_fields
from benchmark.core.files import sha256_of
from benchmark.methods.interface import About, Fitted, Method, Network

SHIPPED = ("unet", "wieland", "rsnet", "kappamask", "mscff", "mffsnet", "thresholds", "bayes", "fmask")
#: Installed packages add further names with this group of entry points.
ENTRY_POINTS = "cloudmask.methods"
#: Prefix of a folder of masks that another program made.
MASKS = "masks:"

#: HDF5, or NetCDF-4, which is HDF5.
MASK_SUFFIXES = (".h5", ".hdf5", ".hdf", ".nc")

#: network: trained by the loop; fitted: fitted once; masks: made by another program.
Kind = Literal["network", "fitted", "masks"]

_FORMS = f"a shipped method ({', '.join(SHIPPED)}), package.module, path/to/file.py, or {MASKS}DIR"


@dataclass(frozen=True)
class LoadedMethod:
    """A method as a run uses and logs it."""

    #: Short name for logs, tables and documents.
    name: str
    kind: Kind
    about: About
    #: Where it comes from: a module's dotted name, a file's name, or a folder's.
    source: str
    #: sha256 of its source file; for masks, of the names and contents of all files.
    sha256: str
    #: All options with their values.
    options: Mapping[str, Any]
    #: None for masks.
    method: Method | None
    #: The file or folder itself.
    path: Path

    @property
    def network(self) -> Network:
        """Return the method of kind network."""
        assert isinstance(self.method, Network)
        return self.method

    @property
    def fitted(self) -> Fitted:
        """Return the method of kind fitted."""
        assert isinstance(self.method, Fitted)
        return self.method

    @property
    def is_users_file(self) -> bool:
        """Whether it is a file outside any package, which must be kept with its results."""
        return self.kind != "masks" and self.source.endswith(".py")


def load_method(name: str, options: Mapping[str, Any]) -> LoadedMethod:
    """Load the method of a configuration's ``method.name`` with its checked options.

    Raises ConfigError for mistakes in the configuration, MethodError for mistakes in the method itself.
    """
    if name.startswith(MASKS):
        return _masks(Path(name.removeprefix(MASKS)), options)
    module = import_method(name)
    path = Path(str(module.__file__))
    made, values = _make(module, path, options)
    if not isinstance(made, Network | Fitted):
        raise MethodError(
            path,
            found=f"method() returned {type(made).__name__}",
            expected="a Network or a Fitted of benchmark.methods.interface",
            remedy="see the template: python -m benchmark.methods new FILE",
        )
    return LoadedMethod(
        name=path.stem,
        kind="network" if isinstance(made, Network) else "fitted",
        about=module.ABOUT,
        source=path.name if name.endswith(".py") else module.__name__,
        sha256=sha256_of(path),
        options=values,
        method=made,
        path=path,
    )


def import_method(name: str) -> ModuleType:
    """Import a method's module and check that it is one. Raises ConfigError and MethodError."""
    module = _import_file(Path(name)) if name.endswith(".py") else _import_module(name)
    for attribute, wanted in (("ABOUT", About), ("method", None)):
        value = getattr(module, attribute, None)
        if (wanted and not isinstance(value, wanted)) or (wanted is None and not callable(value)):
            raise MethodError(
                name,
                found=f"no {attribute}" if value is None else f"{attribute} is {type(value).__name__}",
                expected="ABOUT, an About, and method, a function (benchmark/methods/interface.py)",
                remedy="see the template: python -m benchmark.methods new FILE",
            )
    options = getattr(module, "Options", None)
    if options is not None and not (isinstance(options, type) and dataclasses.is_dataclass(options)):
        raise MethodError(
            name,
            found="Options is not a dataclass",
            expected="a frozen dataclass whose fields have defaults",
            remedy="see the template: python -m benchmark.methods new FILE",
        )
    return module


def installed_methods() -> dict[str, str]:
    """Return the names that installed packages add, each with its module."""
    return {point.name: point.value for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}


def default_options(module: ModuleType) -> dict[str, Any]:
    """Return the options of a method with their defaults."""
    options = getattr(module, "Options", None)
    return {} if options is None else dataclasses.asdict(options())


def _import_module(name: str) -> ModuleType:
    installed = installed_methods()
    dotted = f"benchmark.methods.{name}" if name in SHIPPED else installed.get(name, name)
    if not all(part.isidentifier() for part in dotted.split(".")):
        raise _unknown(name, installed)
    try:
        found = importlib.util.find_spec(dotted)
    except (ImportError, ValueError):
        found = None
    if found is None or not found.origin or not found.has_location:
        raise _unknown(name, installed)
    try:
        return importlib.import_module(dotted)
    except Exception as error:
        raise _cannot_be_imported(name, error) from error


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(
            "method.name", found=f"no file {path}", expected=_FORMS, remedy="correct the path of the file"
        )
    if not path.stem.isidentifier() or not path.stem.isascii():
        raise ConfigError(
            "method.name",
            found=f"a file called {path.name}",
            expected="the name of a module: letters, digits and _, such as mine.py",
            remedy="rename the file",
        )
    spec = importlib.util.spec_from_file_location(f"cloudmask_method_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look here for the types of their fields
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise _cannot_be_imported(path, error) from error
    return module


def _make(module: ModuleType, path: Path, options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the result of ``method`` for checked options, and all options."""
    cls = getattr(module, "Options", None)
    if cls is None:
        if options:
            raise ConfigError(
                "method.options",
                found=", ".join(sorted(options)),
                expected=f"nothing: {path.stem} has no options",
                remedy="remove method.options",
            )
        return _called(module, path), {}
    remedy = f"see python -m benchmark.methods show {path.stem}; --set {{name}}=VALUE changes it"
    try:
        chosen = read_fields(cls, options, "method.options", FieldMessages(invalid=remedy))
    except ValueError as error:
        raise ConfigError(
            "method.options",
            found=str(error),
            expected=f"options as {path.stem} allows them",
            remedy=f"see python -m benchmark.methods show {path.stem}",
        ) from None
    try:
        values = json.loads(
            json.dumps(dataclasses.asdict(chosen), allow_nan=False)
        )  # as the log will state them
    except (TypeError, ValueError) as error:
        raise MethodError(
            path,
            found=f"Options that a log cannot state: {error}",
            expected="fields that are numbers, texts, true or false, or lists of them",
            remedy="change the types of the fields",
        ) from None
    return _called(module, path, chosen), values


def _called(module: ModuleType, path: Path, *arguments: object) -> Any:
    try:
        inspect.signature(module.method).bind(*arguments)
    except TypeError as error:
        raise MethodError(
            path,
            found=f"method(): {error}",
            expected="method(options) where there is a class Options, else method()",
            remedy="see the template: python -m benchmark.methods new FILE",
        ) from None
    try:
        return module.method(*arguments)
    except Exception as error:
        raise MethodError(
            path,
            found=f"method() raised {type(error).__name__}: {error}",
            expected="a Network or a Fitted",
            remedy="correct the method",
        ) from error


def _masks(folder: Path, options: Mapping[str, Any]) -> LoadedMethod:
    if options:
        raise ConfigError(
            "method.options",
            found=", ".join(sorted(options)),
            expected=f"nothing with {MASKS}DIR",
            remedy="remove method.options",
        )
    files = sorted(path for path in folder.glob("*") if path.suffix in MASK_SUFFIXES)
    if not files:
        raise ConfigError(
            "method.name",
            found=f"no HDF5 or NetCDF file in {folder}",
            expected="a folder with a file SCENE.h5 or SCENE.nc for every inference scene",
            remedy="correct the folder; docs/methods.md says what its files hold",
        )
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    about = About(
        title="masks made by another program",
        citations=(),
        adapted="Only the masks are known here, not the method that made them.",
        licence="NOASSERTION",
    )
    return LoadedMethod(
        name="masks",
        kind="masks",
        about=about,
        source=folder.name,
        sha256=digest.hexdigest(),
        options={},
        method=None,
        path=folder,
    )


def _unknown(name: str, installed: Mapping[str, str]) -> ConfigError:
    added = f"; installed: {', '.join(sorted(installed))}" if installed else ""
    near = difflib.get_close_matches(name, [*SHIPPED, *installed], 1)
    return ConfigError(
        "method.name",
        found=f"{name!r}, neither a shipped method nor a module that can be imported",
        expected=_FORMS + added,
        remedy=f"did you mean {near[0]}?" if near else "see python -m benchmark.methods list",
    )


def _cannot_be_imported(name: object, error: Exception) -> MethodError:
    return MethodError(
        str(name),
        found=f"{type(error).__name__}: {error}",
        expected="a module that can be imported",
        remedy="correct it, or install what it imports",
    )
