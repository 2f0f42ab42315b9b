#!/usr/bin/env bash
# Run the benchmark once with a seed, and check its log.
#
#   ./run_and_time.sh SEED        (the submitted runs: {{ seeds | join(", ") }})
#
# Run setup.sh and init_datasets.sh first. Exit status: that of the run, then that of the check.
set -euo pipefail

seed="${1:-}"
case "$seed" in
'' | *[!0-9]* | 0?*)
    echo "usage: run_and_time.sh SEED   (the submitted runs: {{ seeds | join(", ") }})" >&2
    exit 2
    ;;
esac

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
bundle="$(cd "$here/{{ to_bundle }}" && pwd)"
code="$bundle/{{ code }}"
work="${CLOUDMASK_WORK:-$bundle.work}"

if [ ! -x "$work/venv/bin/python" ]; then
    echo "run_and_time.sh: no $work/venv; run $here/setup.sh first" >&2
    exit 2
fi

export PYTHONPATH="$code" PYTHONDONTWRITEBYTECODE=1
cd "$work"
time "$work/venv/bin/python" -m benchmark.run --config "$here/{{ run_config }}"{% if method_file %} --method "$here/{{ method_file }}"{% endif %} --seed "$seed" --output logs
"$work/venv/bin/python" -m compliance.check "logs/{{ name }}-seed-$seed"
