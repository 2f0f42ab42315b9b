#!/bin/bash
# Check an organization's submission of MLCommons Science: verify_for_v0.5_science.sh FOLDER

set -e

python3 -m mlperf_logging.package_checker "$1" science 0.5.0
python3 -m mlperf_logging.result_summarizer "$1" science 0.5.0
python3 -m mlperf_logging.repo_checker "$1" science 0.5.0
