#!/bin/sh
# Make the virtual environment $1 with a Python that fits, or name the ones found and the next step.
set -eu
venv=$1
seen=""
if [ -n "${PYTHON:-}" ]; then
  set -- "$PYTHON"  # the one that was named, and no other
else
  set -- python3 python3.13 python3.12 python3.11 python3.14 python
fi
for name in "$@"; do
  version=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
  case $version in
    3.11 | 3.12 | 3.13 | 3.14)
      "$name" -m venv "$venv" || {
        echo "Python $version at $(command -v "$name") cannot make a virtual environment." >&2
        echo "Next: install its venv package (Debian and Ubuntu: apt install python$version-venv), then run make again." >&2
        rm -rf "$venv"
        exit 1
      }
      ln -sf bin/python "$venv/python"
      exit 0
      ;;
    2.* | 3.[0-9] | 3.10) seen="$seen $name is $version, too old;" ;;
    *) seen="$seen $name is $version, too new;" ;;
  esac
done
echo "Swipr needs Python 3.11, 3.12, 3.13 or 3.14. Found:${seen:- none.}" >&2
echo "Next: install one of them (python.org, your system's packages, pyenv or uv), or name it: make PYTHON=/path/to/python3.12 run" >&2
exit 1
