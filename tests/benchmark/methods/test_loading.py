"""A method by its name: shipped, a module, a file, masks; and what is said where it is none."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.core.errors import CloudMaskError, ConfigError, MethodError
from benchmark.methods import __main__ as command
from benchmark.methods import loading
from benchmark.methods.interface import Fitted, Network
from benchmark.methods.loading import SHIPPED, import_method, load_method
from tests.support.project import ROOT

ABOUT = "from benchmark.methods.interface import About, Fitted, Network\nABOUT = About('Mine', (), 'all')\n"
METHOD = "def method():\n    return Network(build=print)\n"
OPTIONS = (
    "from dataclasses import dataclass\n"
    "@dataclass(frozen=True)\nclass Options:\n    size: int = 3\n"
    "    def __post_init__(self):\n"
    "        if self.size > 9:\n            raise ValueError(f'size is {self.size}, expected at most 9')\n"
    "def method(options):\n    return Network(build=print, multiple=options.size)\n"
)
UNSTATABLE = (
    "from dataclasses import dataclass\n"
    "@dataclass(frozen=True)\nclass Options:\n    phase: complex = 3j\n"
    "def method(options):\n    return Network(build=print)\n"
)


def write(folder: Path, text: str) -> str:
    path = folder / "mine.py"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_method_says_what_it_is(name: str) -> None:
    loaded = load_method(name, {})
    assert loaded.name == name
    assert loaded.source == f"benchmark.methods.{name}"
    assert (
        loaded.sha256 == hashlib.sha256((ROOT / "benchmark/methods" / f"{name}.py").read_bytes()).hexdigest()
    )
    assert isinstance(loaded.method, Network if loaded.kind == "network" else Fitted)
    assert not loaded.is_users_file
    assert loaded.about.title
    assert loaded.about.adapted
    assert loaded.about.citations


def test_every_module_of_the_room_is_a_method_or_has_another_purpose() -> None:
    modules = {path.stem for path in (ROOT / "benchmark/methods").glob("*.py")}
    assert modules - set(SHIPPED) == {
        "__init__",
        "__main__",
        "interface",
        "loading",
        "quantities",
        "recipe",
        "template",
    }


def test_loading_a_method_does_not_load_tensorflow() -> None:
    code = (
        "import sys; from benchmark.methods.loading import SHIPPED, load_method\n"
        "for name in SHIPPED: load_method(name, {})\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_file_is_a_method(tmp_path: Path) -> None:
    loaded = load_method(write(tmp_path, ABOUT + OPTIONS), {"size": 4})
    assert (loaded.name, loaded.kind, loaded.source, loaded.options) == (
        "mine",
        "network",
        "mine.py",
        {"size": 4},
    )
    assert loaded.network.multiple == 4
    assert loaded.is_users_file


def test_a_module_and_an_installed_name_are_methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "package_of_a_user"
    folder.mkdir()
    (folder / "__init__.py").touch()
    write(folder, ABOUT + METHOD)
    monkeypatch.syspath_prepend(tmp_path)
    assert load_method("package_of_a_user.mine", {}).source == "package_of_a_user.mine"
    for place in (loading, command):
        monkeypatch.setattr(place, "installed_methods", lambda: {"their": "package_of_a_user.mine"})
    assert load_method("their", {}).source == "package_of_a_user.mine"
    assert "\ntheir       Mine (package_of_a_user.mine)" in command.listing()


@pytest.mark.parametrize(
    ("text", "options", "error", "found"),
    [
        ("import nothing_of_this_name\n", {}, MethodError, "ModuleNotFoundError: No module named"),
        ("1 +\n", {}, MethodError, "SyntaxError"),
        (METHOD, {}, MethodError, "no ABOUT"),
        ("ABOUT = 'mine'\n" + METHOD, {}, MethodError, "ABOUT is str"),
        (ABOUT, {}, MethodError, "no method"),
        (ABOUT + "Options = dict\n" + METHOD, {}, MethodError, "Options is not a dataclass"),
        (ABOUT + "def method():\n    return 3\n", {}, MethodError, "method() returned int"),
        (
            ABOUT + "def method():\n    raise KeyError('x')\n",
            {},
            MethodError,
            "method() raised KeyError: 'x'",
        ),
        (ABOUT + "def method(options):\n    pass\n", {}, MethodError, "missing a required argument"),
        (
            ABOUT + "def method():\n    return Network(print, optimizer='adam')\n",
            {},
            MethodError,
            "Network.optimizer is 'adam'; expected a function, such as lambda: keras.optimizers.Adam()",
        ),
        (ABOUT + METHOD, {"size": 3}, ConfigError, "size"),
        (ABOUT + OPTIONS, {"sise": 3}, ConfigError, "an unknown field"),
        (ABOUT + OPTIONS, {"size": "3"}, ConfigError, "'3'"),
        (ABOUT.replace("'all'", "3") + METHOD, {}, MethodError, "ABOUT.adapted is 3"),
        (ABOUT + UNSTATABLE, {}, MethodError, "Options that a log cannot state"),
        (ABOUT + OPTIONS, {"size": 10}, ConfigError, "size is 10, expected at most 9"),
    ],
)
def test_what_is_no_method_is_refused_in_a_sentence(
    text: str, options: dict[str, object], error: type[CloudMaskError], found: str, tmp_path: Path
) -> None:
    with pytest.raises(error) as raised:
        load_method(write(tmp_path, text), options)
    assert found in raised.value.found
    assert raised.value.expected
    assert raised.value.remedy


@pytest.mark.parametrize("name", ["no/such/file.py", "unett", "os;print", "no.such.module", "../unet"])
def test_a_name_that_names_nothing_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_method(name, {})
    assert "unet" in raised.value.expected


def test_masks_are_known_by_all_their_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no HDF5 or NetCDF file"):
        load_method(f"masks:{tmp_path}", {})
    (tmp_path / "a.nc").write_bytes(b"1")
    first = load_method(f"masks:{tmp_path}", {})
    assert (first.name, first.kind, first.method) == ("masks", "masks", None)
    (tmp_path / "a.nc").rename(tmp_path / "b.nc")
    assert load_method(f"masks:{tmp_path}", {}).sha256 != first.sha256
    with pytest.raises(ConfigError):
        load_method(f"masks:{tmp_path}", {"size": 1})


# ---- python -m benchmark.methods


def test_the_template_is_a_method_of_thirty_lines_that_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.py"
    assert command.main(["new", str(path)]) == 0
    assert f"python -m benchmark.run --method {path}" in capsys.readouterr().out
    assert import_method(str(path)).ABOUT.title == "Three convolutions"
    assert len(path.read_text().splitlines()) < 50
    assert command.main(["new", str(path)]) == 2
    assert "no file yet" in capsys.readouterr().err
    assert command.main(["new", str(tmp_path / "my method.txt")]) == 2


def test_list_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()][: len(SHIPPED)] == list(SHIPPED)
    assert command.main(["show", "kappamask"]) == 0
    assert "units: 32" in capsys.readouterr().out
    assert command.main(["show", "nothing"]) == 2
    assert "python -m benchmark.methods list" in capsys.readouterr().err
