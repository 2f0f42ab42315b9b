#!/usr/bin/env bash
# One-time setup: a virtual environment with exactly the packages of the submitted code.
#
#   ./setup.sh
#
# Needs Python 3.10 or newer (PYTHON=/path/to/python3 names another than python3) and access to a
# package index. Everything goes to CLOUDMASK_WORK (default: a folder beside the bundle, named like
# it with .work), so that the bundle stays as it was signed by its manifest.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
bundle="$(cd "$here/{{ to_bundle }}" && pwd)"
code="$bundle/{{ code }}"
work="${CLOUDMASK_WORK:-$bundle.work}"
python="${PYTHON:-python3}"

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
    echo "setup.sh: $python is not Python 3.10 or newer; set PYTHON=/path/to/python3" >&2
    exit 2
fi

if [ -f "$bundle/{{ manifest }}" ] && command -v sha256sum >/dev/null; then
    echo "checking the files of the bundle"
    (cd "$bundle" && sha256sum --check --quiet "{{ manifest }}")
fi

mkdir -p "$work"
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --disable-pip-version-check --require-hashes \
    --requirement "$code/requirements.lock"

echo "ready in $work; next: $here/init_datasets.sh"
