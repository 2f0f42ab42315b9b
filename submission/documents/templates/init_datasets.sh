#!/usr/bin/env bash
# One-time preparation of the data: the {{ "synthetic" if synthetic else "observed" }} scenes of the submitted runs.
#
#   ./init_datasets.sh
#
# Run setup.sh first. The commands are those that config.yaml lists under data.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
bundle="$(cd "$here/{{ to_bundle }}" && pwd)"
code="$bundle/{{ code }}"
work="${CLOUDMASK_WORK:-$bundle.work}"

if [ ! -x "$work/venv/bin/python" ]; then
    echo "init_datasets.sh: no $work/venv; run $here/setup.sh first" >&2
    exit 2
fi

export PYTHONPATH="$code" PYTHONDONTWRITEBYTECODE=1 PATH="$work/venv/bin:$PATH"
cd "$work"
{% for command in data_commands %}
{{ command }}
{% endfor %}

echo "data in $work/data; next: $here/run_and_time.sh SEED"
