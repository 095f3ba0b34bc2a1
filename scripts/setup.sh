#!/usr/bin/env bash
# Create or complete the virtual environment: pinned versions, torch first, Quarto if it can be had.
# Safe to run again and to interrupt: pip repeats nothing, and the stamp is written last.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${VENV:-.venv}
stamp=$venv/.setup-done
quarto_note=$venv/.quarto
quarto_timeout=300 # seconds: pip install quarto-cli downloads a program, and must not hang

say() { printf 'set-up: %s\n' "$*"; }
fail() { printf 'set-up: %s\n' "$*" >&2; exit 1; }

recent_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() { # 3.11 first: it is what the pinned versions were measured with
    local name
    for name in ${PYTHON:-python3.11 python3 python3.12 python3.13 python}; do
        if recent_enough "$name"; then echo "$name"; return; fi
    done
    return 1
}

create_environment() {
    if [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then return; fi
    local python found
    python=$(find_python) || {
        found=$("${PYTHON:-python3}" --version 2>&1 | head -n 1) || found="no Python at all"
        fail "Python 3.11 or newer is needed; found: ${found:-none}. Name one with: make setup PYTHON=/path/to/python3.11"
    }
    say "creating $venv with $("$python" --version 2>&1)"
    "$python" -m venv --clear "$venv" ||
        fail "$python cannot create virtual environments; on Debian and Ubuntu: apt install python3-venv"
}

install_packages() {
    local pip=("$venv/bin/python" -m pip --disable-pip-version-check)
    say "installing what is missing, torch first (2 GB in all, one to three minutes on a fast network)"
    # torch alone and first, so that nothing else chooses its build
    "${pip[@]}" install --quiet --constraint constraints.txt torch
    "${pip[@]}" install --quiet --constraint constraints.txt --editable '.[site,explore,test]'
    "${pip[@]}" check
}

# A failed attempt is remembered, so that set-up costs its time once; remove $quarto_note to retry.
install_quarto() {
    if command -v quarto >/dev/null 2>&1 || [ -x "$venv/bin/quarto" ]; then
        say "Quarto is installed: it will render the site"
        return
    fi
    if [ ! -e "$quarto_note" ]; then
        "$venv/bin/python" - "$quarto_timeout" <<'PYTHON' >"$quarto_note.log" 2>&1 || true
import os, signal, subprocess, sys
command = [sys.executable, "-m", "pip", "install", "--quiet", "quarto-cli"]
pip = subprocess.Popen(command, start_new_session=True)
try:
    pip.wait(timeout=int(sys.argv[1]))
except (subprocess.TimeoutExpired, KeyboardInterrupt):
    os.killpg(pip.pid, signal.SIGKILL)  # its own children too: a download may be among them
    raise
PYTHON
        mv "$quarto_note.log" "$quarto_note"
    fi
    if "$venv/bin/quarto" --version >/dev/null 2>&1; then
        say "Quarto is installed: it will render the site"
    else
        say "Quarto could not be installed (pip install quarto-cli; its output: $quarto_note): the preview renderer, pandoc, will render the site"
    fi
}

create_environment
install_packages
install_quarto
touch "$stamp"
say "done; make help lists what can be run"
