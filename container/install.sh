#!/bin/sh
# Inside an image, whoever builds it: install the benchmark and its locked packages from /opt/cloudmask.
set -e
cd /opt/cloudmask
if [ -f /opt/cloudmask.commit/commit.txt ]; then
    mv /opt/cloudmask.commit benchmark/commit
fi
pip install --no-cache-dir --require-hashes -r requirements.lock
# NVIDIA's libraries, in the versions that this TensorFlow requires
pip install --no-cache-dir --no-deps --require-hashes -r requirements-cuda.lock
pip install --no-cache-dir --no-deps --no-build-isolation .
