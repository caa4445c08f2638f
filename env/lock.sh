#!/usr/bin/env bash
# Make env/requirements.lock anew: every package of env/constraints.txt with the hashes of its files, for Linux, macOS
# and Windows. torch and its CUDA libraries stay out: their files differ with the build that suits a machine, so that
# only their versions are pinned. Needs the package index; the file names no place.
set -euo pipefail
cd "$(dirname "$0")/.."

apart=$(.venv/bin/python env/locked.py --apart)
# wheels of this machine would bring their own hashes
env -u PIP_FIND_LINKS -u UV_FIND_LINKS .venv/bin/uv pip compile pyproject.toml --all-extras --universal \
    --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --quiet \
    -c env/constraints.txt $(printf -- '--no-emit-package %s ' $apart) -o env/requirements.lock
