#!/bin/sh
# Groundwork's Python language host: finds the project's Python and hands over to host.py beside this file.
# The engine starts this in the program's folder; its address is the last argument.
here=$(cd "$(dirname "$0")" && pwd)
folder=$PWD
while :; do
    for candidate in "$folder/.venv/bin/python" "$folder/venv/bin/python"; do
        if [ -x "$candidate" ] && [ -e "${candidate%/bin/python}/pyvenv.cfg" ]; then
            exec "$candidate" -u "$here/pulumi-language-python.d/host.py" "$@"
        fi
    done
    [ "$folder" = / ] && break
    folder=$(dirname "$folder")
done
if [ -n "$VIRTUAL_ENV" ] && [ -x "$VIRTUAL_ENV/bin/python" ]; then
    exec "$VIRTUAL_ENV/bin/python" -u "$here/pulumi-language-python.d/host.py" "$@"
fi
for name in python3 python; do
    if command -v "$name" >/dev/null 2>&1; then
        exec "$name" -u "$here/pulumi-language-python.d/host.py" "$@"
    fi
done
echo "No Python found: neither a .venv at or above $PWD, nor VIRTUAL_ENV, nor python3 on PATH." >&2
exit 1
