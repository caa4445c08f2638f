#!/usr/bin/env bash
# Make the virtual environment in .venv with exactly the versions of env/constraints.txt, every file checked against the
# hashes of env/requirements.lock (but torch and its CUDA libraries). Safe to run again: when nothing changed it does
# nothing. PYTHON=python3.12 chooses an interpreter, EXTRAS=gpu,ray,test what is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "set-up: $*" >&2; exit 1; }

unset PYTHONDONTWRITEBYTECODE # container images often set it: then each kernel would compile torch and the rest anew

PYTHON=${PYTHON:-python3}
command -v "$PYTHON" >/dev/null || fail "$PYTHON was not found; install Python 3.11 or later, or set PYTHON=..."
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$PYTHON" --version) is too old; Python 3.11 or later is needed, set PYTHON=... to choose another"

chosen=.venv/.s2v_nb-extras # a choice made once holds until another is made; a guess is made anew each time
guessed=""
if [ -z "${EXTRAS:-}" ] && [ -f "$chosen" ]; then
    EXTRAS=$(cat "$chosen")
elif [ -z "${EXTRAS:-}" ]; then
    EXTRAS=test guessed=yes
    if command -v nvidia-smi >/dev/null && nvidia-smi >/dev/null 2>&1; then EXTRAS=gpu,test; fi
fi

stamp=.venv/.s2v_nb-set-up
version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
state="$PWD $version $EXTRAS $(cat pyproject.toml env/constraints.txt env/requirements.lock env/apt-packages.txt env/setup.sh | cksum)"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ]; then exit 0; fi

# Debian packages: installed where that is possible without asking, named where it is not.
if command -v dpkg-query >/dev/null; then
    missing=""
    for package in $(cat env/apt-packages.txt); do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
    done
    # a Python that brings venv itself (pyenv, conda, docker images) does not need Debian's
    if "$PYTHON" -c 'import ensurepip' 2>/dev/null; then missing="${missing/ python3-venv/}"; fi
    if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "set-up: installing$missing"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
            >/dev/null || echo "set-up: apt-get could not install$missing; going on without" >&2
    elif [ -n "$missing" ]; then
        echo "set-up: not installed:$missing (for Chinese text in plots: fonts-wqy-microhei); get them with" >&2
        echo "    sudo apt-get install$missing" >&2
    fi
fi

echo "set-up: installing Python packages into .venv (extras: $EXTRAS)"
# a half-made environment, or one of another Python or another place, is made anew
there=$(.venv/bin/python -c 'import sys, pip; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
if [ "$there" != "$version" ] || { [ -f "$stamp" ] && [ "$(cut -d' ' -f1 "$stamp")" != "$PWD" ]; }; then
    rm -rf .venv
    "$PYTHON" -m venv .venv || { rm -rf .venv; fail "no virtual environment could be made; install python3-venv"; }
fi
# uv resolves and installs in a fraction of pip's time, but reads neither of these from pip's configuration
links=$(.venv/bin/python -m pip config get global.find-links 2>/dev/null || true)
export UV_FIND_LINKS=${UV_FIND_LINKS:-${PIP_FIND_LINKS:-$links}}
index=$(.venv/bin/python -m pip config get global.index-url 2>/dev/null || true)
index=${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$index}}
if [ -n "$index" ]; then export UV_DEFAULT_INDEX=$index; fi
UV_FIND_LINKS=$(echo $UV_FIND_LINKS | tr ' ' ',') # pip separates by spaces, uv by commas
[ -n "$UV_FIND_LINKS" ] || unset UV_FIND_LINKS
# without an NVIDIA GPU torch's build for CPUs is enough, a tenth of the size, where uv may choose it
if ! nvidia-smi >/dev/null 2>&1 && [ -z "${UV_FIND_LINKS:-}" ]; then export UV_TORCH_BACKEND=${UV_TORCH_BACKEND:-cpu}; fi
if ! { .venv/bin/python -m pip install -q --disable-pip-version-check uv &&
    .venv/bin/uv pip install -q --python .venv/bin/python -c env/constraints.txt -c env/requirements.lock \
        -e ".[$EXTRAS]" 2>.venv/uv.log; }; then
    echo "set-up: uv did not succeed (.venv/uv.log says why), trying pip (slower)" >&2
    pip() { .venv/bin/python -m pip install -q --disable-pip-version-check "$@"; }
    # pip takes either all hashes or none: first it says what it would install, and what is locked of that comes with them
    pip --dry-run --report .venv/report.json -c env/constraints.txt -e ".[$EXTRAS]"
    .venv/bin/python env/locked.py .venv/report.json >.venv/chosen.lock
    pip --require-hashes --no-deps -r .venv/chosen.lock
    pip -c env/constraints.txt -e ".[$EXTRAS]"
fi

echo "set-up: warming caches, so that the first analysis does not compile for a minute"
.venv/bin/python -m s2v_nb.warm
[ -n "$guessed" ] || echo "$EXTRAS" >"$chosen"
echo "$state" >"$stamp"
