#!/usr/bin/env bash
# Makes the Python environment from the hash-locked requirements; with --lock writes the locks instead.
# usage: install.sh [--lock] PYTHON VENV
set -euo pipefail
cd "$(dirname "$0")/.."
lock=false
if [ "$1" = --lock ]; then
    lock=true
    shift
fi
python=$1 venv=$2
bootstrap=.groundwork/bootstrap
log=.groundwork/install.log
mkdir -p .groundwork

if [ -z "$python" ]; then
    echo "Python 3.11 or newer is needed and none is on PATH. Install it, or run: make PYTHON=/path/to/python3.12 …" >&2
    exit 1
fi

fail() {
    printf '\n%s failed. The last lines of %s:\n' "$1" "$log" >&2
    tail -n 15 "$log" | sed 's/^/    /' >&2
    if grep -qiE 'no space left on device|os error 28' "$log"; then
        echo "The disk is full. Make room and run the same command again." >&2
    else
        echo "Once the cause is gone, run the same command again: it goes on from here." >&2
    fi
    exit 1
}

# step TITLE COMMAND…: runs it with its output in the log, and says every 10 s that it still runs.
step() {
    local title=$1 start=$SECONDS next=10 child
    shift
    printf '  … %s\n' "$title"
    "$@" >>"$log" 2>&1 &
    child=$!
    trap 'kill "$child" 2>/dev/null; wait "$child" 2>/dev/null; echo "Interrupted. Run the same command again." >&2; exit 130' INT TERM HUP
    while kill -0 "$child" 2>/dev/null; do
        sleep 0.2
        if [ $((SECONDS - start)) -ge "$next" ]; then
            printf '  … %s, %d s, log %s\n' "$title" "$((SECONDS - start))" "$log"
            next=$((next + 10))
        fi
    done
    wait "$child" || fail "$title"
    trap - INT TERM HUP
    printf '  ✓ %s, %d s\n' "$title" "$((SECONDS - start))"
}

: >"$log"
uv=$(command -v uv || true)
if [ -z "$uv" ] || ! "$uv" --version >/dev/null 2>&1; then
    uv=$bootstrap/bin/uv
    if ! "$uv" --version >/dev/null 2>&1; then
        echo "Python environment"
        rm -rf "$bootstrap"
        step "making an environment for the installer" "$python" -m venv "$bootstrap"
        step "installing uv from PyPI" "$bootstrap/bin/python" -m pip install --require-hashes -r local/bootstrap.txt
    fi
fi

if $lock; then
    options=(--universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --python-version 3.11)
    for source in requirements.in requirements-platform.in images/*/requirements.in bench/requirements-*.in local/bootstrap.in local/acquire/go-requirements.in; do
        [ -e "$source" ] || continue
        # The platform's own set and the images have the versions of the whole.
        case $source in requirements-platform.in | images/*) same=(--constraint requirements.txt) ;; *) same=() ;; esac
        step "locking $source" "$uv" pip compile "${options[@]}" "${same[@]}" ${LOCK_ARGS:-} "$source" -o "${source%.in}.txt"
    done
    exit 0
fi

rm -f "$venv/.installed"
if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    step "making $venv with $python" "$uv" venv --clear --python "$python" "$venv"
fi
step "installing the locked packages" "$uv" pip sync --python "$venv/bin/python" --require-hashes requirements.txt
step "installing the ml and groundwork commands" \
    "$uv" pip install --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
touch "$venv/.installed"
