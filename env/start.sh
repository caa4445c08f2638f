#!/usr/bin/env bash
# JupyterLab on a rented machine: models and caches on the disk that survives, set-up, server on 127.0.0.1 with a token.
#
#   env/start.sh             start, or say where the running one is
#   env/start.sh --dry-run   say what would be done, do nothing
#   env/start.sh --stop      stop the server that this script started here
#
# PORT=8888 asks for a port (the next free one is taken), MIRROR=1 downloads from a mirror of huggingface.co (the
# default on AutoDL, MIRROR=0 refuses), S2V_NB_DATA=/folder chooses where models go, PYTHON and EXTRAS as in setup.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "start: $*" >&2; exit 1; }

dry="" stop=""
case "${1:-}" in
    "") ;;
    --dry-run) dry=yes ;;
    --stop) stop=yes ;;
    *) fail "unknown option $1; there are --dry-run and --stop" ;;
esac
PORT=${PORT:-8888}
[[ "$PORT" =~ ^[0-9]+$ ]] || fail "PORT=$PORT is not a number"
PYTHON=${PYTHON:-python3}
notebooks=$PWD/notebooks

# What the machine is, and the environment of everything that is started here; one table knows, s2v_nb/platforms.py.
facts() { "$1" -I s2v_nb/platforms.py --shell --port "$2" --root "${S2V_NB_ROOT:-/}"; }
command -v "$PYTHON" >/dev/null || fail "$PYTHON was not found; install Python 3.11 or later, or set PYTHON=..."
known=$(facts "$PYTHON" "$PORT") || fail "$("$PYTHON" --version) cannot run this; Python 3.11 or later is needed"
eval "$known"
[ -n "${JUPYTER_TOKEN:-}" ] || unset JUPYTER_TOKEN # an empty one must not come near the server
unset PYTHONDONTWRITEBYTECODE # container images often set it: then each kernel would compile torch and the rest anew

# "PORT PID ADDRESS" of the server of these notebooks that answers to its token; nothing if there is none.
running() {
    [ -x .venv/bin/python ] || return 0
    .venv/bin/python - "$notebooks" <<'PY'
import os, sys, urllib.request
from jupyter_server.serverapp import list_running_servers
for server in list_running_servers():
    if os.path.realpath(server["root_dir"]) != os.path.realpath(sys.argv[1]) or not server["token"]:
        continue
    try:
        request = urllib.request.Request(server["url"] + "api/status", headers={"Authorization": "token " + server["token"]})
        urllib.request.urlopen(request, timeout=5).close()
    except OSError:
        continue
    page = "lab/tree/01_first_video.ipynb"
    print(server["port"], server["pid"], f"{server['url']}{page}?token={server['token']}")
    break
PY
}

say_where() { # port, address
    eval "$(facts "$PYTHON" "$1" | grep '^PLATFORM_TUNNEL=')"
    echo "start: JupyterLab is running. From your own computer:"
    echo "    $PLATFORM_TUNNEL"
    echo "then open, in a browser there:"
    echo "    $2"
    if [ -n "$PLATFORM_BILL" ]; then echo "start: what ends the bill on $PLATFORM_NAME: $PLATFORM_BILL."; fi
}

if [ -n "$stop" ]; then
    read -r _ pid _ < <(running) || { echo "start: no server of these notebooks is running"; exit 0; }
    kill "$pid"
    echo "start: stopped the server (process $pid)"
    exit 0
fi

echo "start: this is ${PLATFORM_NAME/own machine/your own machine, or one that is not known}"
if [ -n "$PLATFORM_HOSTED" ]; then
    fail "$PLATFORM_NAME runs its own notebook server: paste env/first_cell.ipy into a notebook (docs/platforms.md)"
fi
if [ -z "$PLATFORM_KEEPS" ] && [ "$PLATFORM" != own ]; then
    echo "start: no disk that survives a stop was found here; models would be downloaded again" >&2
fi
for name in HF_HOME S2V_NB_MODELS XDG_CACHE_HOME HF_ENDPOINT HF_HUB_DISABLE_XET HF_XET_HIGH_PERFORMANCE; do
    if [ -n "${!name:-}" ]; then echo "start: $name=${!name}"; fi
done

server=(.venv/bin/python -m jupyterlab "--config=$PWD/env/jupyter_server_config.py" "--ServerApp.port=$PORT"
    "--ServerApp.root_dir=$notebooks" --LabApp.default_url=/lab/tree/01_first_video.ipynb)

if [ -n "$dry" ]; then
    echo "start: would make the folders above, run env/setup.sh, then"
    echo "    ${server[*]}"
    if [ -n "$PLATFORM_TUNNEL" ]; then echo "start: reached by $PLATFORM_TUNNEL"; fi
    exit 0
fi

for folder in "${HF_HOME:-}" "${S2V_NB_MODELS:-}" "${XDG_CACHE_HOME:-}"; do
    [ -z "$folder" ] || mkdir -p "$folder" || fail "$folder cannot be made; choose another place with S2V_NB_DATA=/folder"
done
env/setup.sh

if read -r port _ address < <(running); then
    say_where "$port" "$address"
    exit 0
fi
log=${XDG_CACHE_HOME:-$HOME/.cache}/s2v_nb/jupyter.log
mkdir -p "$(dirname "$log")"
# `!s2v-nb` in a cell and in Lab's terminal is this installation's; setsid, so that the end of an ssh login ends nothing
(umask 077 && PATH=$PWD/.venv/bin:$PATH exec $(command -v setsid) "${server[@]}" >"$log" 2>&1 </dev/null) &
pid=$!
for _ in $(seq 60); do
    if read -r port _ address < <(running); then
        say_where "$port" "$address"
        exit 0
    fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.5
done
tail -n 5 "$log" >&2
fail "JupyterLab did not start; all of its output is in $log"
