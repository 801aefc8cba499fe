#!/bin/sh
# Groundwork's Python language host: finds the project's Python and hands over to host.py beside this file.
# The engine starts this in the program's folder. In this order: the environment that Pulumi.yaml names, a .venv or venv at
# or above that folder, the active environment, python3 on PATH.
here=${0%/*}
run() {
    [ -x "$1" ] && exec "$@"
}
folder=$PWD
while :; do
    for project in "$folder/Pulumi.yaml" "$folder/PulumiPolicy.yaml"; do
        if [ -f "$project" ]; then
            named=$(sed -n "s/^ *virtualenv: *[\"']*\([^\"'#]*[^\"'# ]\).*/\1/p" "$project" | head -n 1)
            case $named in
                "") continue ;;
                /*) ;;
                *) named=$folder/$named ;;
            esac
            run "$named/bin/python" -u "$here/pulumi-language-python.d/host.py" "$@"
            export GROUNDWORK_MISSING_ENVIRONMENT="$named"
        fi
    done
    for name in .venv venv; do
        [ -f "$folder/$name/pyvenv.cfg" ] && run "$folder/$name/bin/python" -u "$here/pulumi-language-python.d/host.py" "$@"
    done
    [ -z "$folder" ] && break
    folder=${folder%/*}
done
[ -n "$VIRTUAL_ENV" ] && run "$VIRTUAL_ENV/bin/python" -u "$here/pulumi-language-python.d/host.py" "$@"
for name in python3 python; do
    command -v "$name" >/dev/null 2>&1 && exec "$name" -u "$here/pulumi-language-python.d/host.py" "$@"
done
echo "No Python found: no virtual environment at or above $PWD, none active, and no python3 on PATH." >&2
exit 1
