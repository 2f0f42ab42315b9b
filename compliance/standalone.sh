#!/usr/bin/env bash
# The checker on a machine that has Python and nothing else: installs the few packages that it needs, by their
# hashes in requirements.lock, into a virtual environment of its own, and runs it with the given arguments.
# Used by action.yml and .pre-commit-hooks.yaml.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${PYTHON:-python3}"
lock="$(awk '/^[a-z]/ {keep = /^(orjson|pyyaml|markdown-it-py|mdurl|tomli)==/} keep' "$root/requirements.lock")"
digest="$(printf '%s' "$lock" | "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])')"
folder="${COMPLIANCE_ENVIRONMENT:-${XDG_CACHE_HOME:-$HOME/.cache}/cloudmask-compliance}/$digest"
if [[ ! -e "$folder/complete" ]]; then
    "$python" -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r <(printf '%s\n' "$lock") >&2
    touch "$folder/complete" # last, so that an interrupted installation is repeated
fi
PYTHONPATH="$root" exec "$folder/bin/python" -m compliance.check "$@"
