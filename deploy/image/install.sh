#!/usr/bin/env bash
# Installs a lock file into a folder, as a build stage of the Dockerfile: install.sh LOCK FOLDER
set -euo pipefail

lock=$1
folder=$2

# Wheels only: nothing of a package runs while it is installed.
python -m pip install --quiet --require-hashes --no-deps --only-binary=:all: --no-compile --target="$folder" --requirement="$lock"
rm -rf "${folder:?}/bin"
# Bytecode that is never checked against its source: the root file system is read-only, and copying changes times.
python -m compileall -q -j 0 --invalidation-mode unchecked-hash "$folder"
