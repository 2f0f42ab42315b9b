#!/usr/bin/env bash
# One-time preparation of the data: @DATA_SUMMARY@
#
#   ./init_datasets.sh
#
# Run setup.sh first. The commands are those that config.yaml lists under data.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
bundle="$(cd "$here/@TO_BUNDLE@" && pwd)"
code="$bundle/@CODE@"
work="${CLOUDMASK_WORK:-$bundle.work}"

if [ ! -x "$work/venv/bin/python" ]; then
    echo "init_datasets.sh: no $work/venv; run $here/setup.sh first" >&2
    exit 2
fi

export PYTHONPATH="$code" PYTHONDONTWRITEBYTECODE=1 PATH="$work/venv/bin:$PATH"
cd "$work"
@DATA_COMMANDS@

echo "data in $work/data; next: $here/run_and_time.sh SEED"
