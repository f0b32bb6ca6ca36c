# shellcheck shell=bash
# The environment everything here runs in: .venv, made from pinned and hash-checked requirements.
#
# Sourced with ROOT set to the repository. `ensure_environment proxy` (or `dev`, which adds what
# the tests need) returns at once when there is nothing to do, without starting any Python.
# Written for bash 3.2, which is what macOS has. All words go to stderr: what runs afterwards
# owns stdout.

: "${ROOT:=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)}"

VENV=$ROOT/.venv
STAMP=$VENV/memproxy-installed       # what is installed; written last
UNFINISHED=$VENV/memproxy-unfinished # somebody is at it, or was stopped
LOG=$VENV/install.log
LOCK=$ROOT/.venv.lock

# They would point our interpreter at somebody else's library, or pip at another place.
unset PYTHONHOME __PYVENV_LAUNCHER__ PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT UV_SYSTEM_PYTHON

say() { printf '%s\n' "$*" >&2; }

# --- which Python -------------------------------------------------------------------------------

# A Python is judged by running it: version managers put names in PATH that exist and fail.
# Answers "<verdict> <path of the real interpreter>", where the verdict is
#   fits       3.12 to 3.14, for which every pinned package comes ready-made
#   newer      later than that: packages may have to be compiled
#   bare       would fit, but cannot install pip (Debian's python3 without python3-venv)
probe_python() {
    # Apple's placeholder opens a dialogue window when its developer tools are missing.
    if [ "$1" = /usr/bin/python3 ] && [ "${OSTYPE#darwin}" != "$OSTYPE" ]; then
        xcode-select -p >/dev/null 2>&1 || return 1
    fi
    "$1" -I -c '
import os, sys
gil = getattr(sys, "_is_gil_enabled", lambda: True)()
if sys.version_info < (3, 12) or sys.implementation.name != "cpython" or not gil:
    sys.exit(1)
import venv
verdict = "fits" if sys.version_info < (3, 15) else "newer"
try:
    import ensurepip
except ImportError:
    verdict = "bare"
print(verdict, os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
' </dev/null 2>/dev/null
}

# Every place a Python may be, the likeliest to suit first, one per line.
python_candidates() {
    local name root version
    for name in python3.13 python3.12 python3.14 python3 python; do
        # All of them: a working one may stand behind a broken shim.
        type -ap "$name" || true
    done
    for root in "${PYENV_ROOT:-}" "${HOME:-}/.pyenv"; do
        [ -d "$root/versions" ] || continue
        for version in $(pyenv_versions "$root" | grep -E '^3\.1[23]\.') \
            $(pyenv_versions "$root" | grep -vE '^3\.1[23]\.'); do
            printf '%s\n' "$root/versions/$version/bin/python"
        done
    done
}

# The versions below a pyenv root, newest first.
pyenv_versions() {
    local path
    for path in "$1"/versions/*/bin/python; do
        path=${path%/bin/python}
        printf '%s\n' "${path##*/}"
    done | sort -t. -k1,1nr -k2,2nr -k3,3nr
}

# A uv that runs, if there is one.
find_uv() {
    local uv
    while IFS= read -r uv; do
        "$uv" --version </dev/null >/dev/null 2>&1 && printf '%s\n' "$uv" && return 0
    done <<END
$(type -ap uv)
END
    return 1
}

# Print the path of a Python that suits, or say in one line what to install.
find_python() {
    local candidate answer uv newer='' bare=''

    if [ -n "${MEMPROXY_PYTHON:-}" ]; then
        if answer=$(probe_python "$MEMPROXY_PYTHON"); then
            printf '%s\n' "${answer#* }"
            return 0
        fi
        say "MEMPROXY_PYTHON=$MEMPROXY_PYTHON is not a Python of 3.12 or later that runs; correct it or unset it."
        return 1
    fi

    uv=$(find_uv) || uv=''
    while IFS= read -r candidate; do
        [ -x "$candidate" ] || continue
        answer=$(probe_python "$candidate") || continue
        case $answer in
            "fits "*) printf '%s\n' "${answer#* }" && return 0 ;;
            "newer "*) newer=${newer:-${answer#* }} ;;
            # uv installs without pip.
            "bare "*) [ -n "$uv" ] && printf '%s\n' "${answer#* }" && return 0 || bare=${answer#* } ;;
        esac
    done <<END
$(python_candidates)
END

    if [ -n "$uv" ]; then
        candidate=$("$uv" python find --system '>=3.12,<3.15' </dev/null 2>/dev/null) || candidate=''
        if [ -z "$candidate" ] && [ -z "$newer" ]; then
            say "No Python 3.12 or later here; uv is fetching one…"
            "$uv" python install --quiet 3.12 </dev/null >/dev/null 2>&1 || true
            candidate=$("$uv" python find --system '>=3.12,<3.15' </dev/null 2>/dev/null) || candidate=''
        fi
        if [ -n "$candidate" ] && answer=$(probe_python "$candidate"); then
            printf '%s\n' "${answer#* }"
            return 0
        fi
    fi

    if [ -n "$newer" ]; then
        printf '%s\n' "$newer"
        return 0
    fi
    if [ -n "$bare" ]; then
        say "$bare cannot make environments: install its venv package (Debian, Ubuntu: apt install ${bare##*/}-venv) or uv, then start again."
        return 1
    fi
    say "Python 3.12 or later is needed: install it (apt install python3.12-venv, brew install python@3.13, pyenv install 3.13 or uv python install 3.12), or set MEMPROXY_PYTHON to its path."
    return 1
}

# --- what is there, what is wanted --------------------------------------------------------------

# The stamp's first lines, as they would be for this profile now.
wanted_stamp() {
    local files=requirements/proxy.txt
    if [ "$1" = dev ]; then files="$files requirements/dev.txt"; fi
    # shellcheck disable=SC2086 # several words on purpose
    printf '%s\n' "$1" "$ROOT" && cd "$ROOT" && cksum $files pyproject.toml scripts/environment.sh
}

# Is .venv exactly what this profile needs? Runs at every start, so: bash and one cksum.
is_ready() {
    local stamp=''
    [ -x "$VENV/bin/python" ] && [ -f "$STAMP" ] && [ ! -e "$UNFINISHED" ] || return 1
    IFS= read -r -d '' stamp <"$STAMP" || true
    [ "${stamp%%python=*}" = "$(wanted_stamp "$1")"$'\n' ] && is_python_asked_for "$stamp"
}

# Another MEMPROXY_PYTHON than the one it was made with asks for another environment; none asks
# for nothing.
is_python_asked_for() {
    [ -z "${MEMPROXY_PYTHON:-}" ] || [ "${1##*asked=}" = "$MEMPROXY_PYTHON"$'\n' ]
}

# May .venv be brought up to date where it is?
can_be_kept() {
    local stamp='' profile='' root=''
    [ -f "$STAMP" ] && [ ! -e "$UNFINISHED" ] || return 1
    IFS= read -r -d '' stamp <"$STAMP" || true
    { IFS= read -r profile && IFS= read -r root; } <"$STAMP" || return 1
    # Programs in an environment hold its path, so a moved or copied one is of no use.
    [ "$root" = "$ROOT" ] && is_python_asked_for "$stamp" && probe_python "$VENV/bin/python" >/dev/null
}

# --- making it ----------------------------------------------------------------------------------

# An advisory lock on file descriptor 9. The kernel drops it when the last process that holds the
# descriptor is gone, the installer included: no stale locks, and macOS has no flock command.
WAIT_FOR_LOCK='
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("Waiting for another start to finish the environment…", file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)
except OSError:
    pass  # a file system without locks
'

# The project itself: importable, with its command and its version. What `pip install --editable`
# would do, without fetching a build system. Prints the version of Python.
# shellcheck disable=SC2016 # the dollars belong to the command's own sh
LINK_PROJECT='
import pathlib, platform, shutil, sys, sysconfig, tomllib
root, venv = sys.argv[1:]
site = pathlib.Path(sysconfig.get_path("purelib"))
(site / "litellm_memory_proxy.pth").write_text(root + "\n", encoding="utf-8")
project = tomllib.loads(pathlib.Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
for old in site.glob("litellm_memory_proxy-*.dist-info"):
    shutil.rmtree(old)
about = site / "litellm_memory_proxy-{version}.dist-info".format_map(project)
about.mkdir()
(about / "METADATA").write_text(
    "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".format_map(project), encoding="utf-8"
)
command = pathlib.Path(venv, "bin", "memproxy")
# Through sh, because a #! line breaks on spaces and on long paths. The root goes first: a
# PYTHONPATH may well hold another "scripts".
command.write_text(f"""#!/bin/sh
\x27\x27\x27exec\x27 "{venv}/bin/python" "$0" "$@"
\x27 \x27\x27\x27
import sys
sys.path[0] = {root!r}
from scripts.command import main
sys.exit(main())
""", encoding="utf-8")
command.chmod(0o755)
print(platform.python_version())
'

# Replace .venv by an empty one. Never deletes what these scripts did not make.
renew_venv() {
    rm -rf "$VENV.discarded"
    if [ -e "$STAMP" ] || [ -e "$UNFINISHED" ]; then
        # Renamed first, so that being stopped here leaves no half of an environment.
        mv "$VENV" "$VENV.discarded" && rm -rf "$VENV.discarded" || return 1
    elif [ -e "$VENV" ] || [ -L "$VENV" ]; then
        if ! rmdir "$VENV" 2>/dev/null; then
            say "Another .venv is in the way; it is kept as .venv.kept-$$."
            mv "$VENV" "$VENV.kept-$$" || return 1
        fi
    fi
    mkdir "$VENV" && : >"$UNFINISHED" && "$1" -I -m venv --without-pip "$VENV" >>"$LOG" 2>&1
}

install_requirements() {
    local uv python=$VENV/bin/python
    if uv=$(find_uv); then
        "$uv" pip install --quiet --python "$python" --require-hashes --compile-bytecode \
            --requirement "$1" >>"$LOG" 2>&1 && return 0
    fi
    # pip also where uv failed: only one of them may know the way to a company's index.
    "$python" -I -m ensurepip >>"$LOG" 2>&1 &&
        "$python" -I -m pip install --quiet --no-input --disable-pip-version-check \
            --require-hashes --requirement "$1" >>"$LOG" 2>&1
}

# Holds the lock. Working directory is the repository, lest uv obey the settings of the project
# that the user happens to stand in.
make_environment_alone() {
    local profile=$1 python=$2 stamp version
    if can_be_kept; then
        say "Updating the environment…"
        : >"$UNFINISHED"
    else
        if [ -f "$STAMP" ]; then
            say "Making the environment again (about a minute)…"
        else
            say "Making the environment (first time, about a minute)…"
        fi
        renew_venv "$python" || return 1
    fi
    : >"$LOG"
    stamp=$(wanted_stamp "$profile") &&
        install_requirements "requirements/$profile.txt" &&
        version=$("$VENV/bin/python" -I -c "$LINK_PROJECT" "$ROOT" "$VENV" 2>>"$LOG") || return 1
    printf '%s\n' "$stamp" "python=$version $python" "asked=${MEMPROXY_PYTHON:-}" >"$STAMP" &&
        rm "$UNFINISHED" && say "The environment is ready."
}

explain_failure() {
    if grep -qiE 'hash mismatch|do not match the hashes' "$LOG" 2>/dev/null; then
        say "A package differs from what requirements/ recorded, so nothing of it was used: see .venv/${LOG##*/}, and do not go on before you know why."
    else
        say "The environment could not be made: check the connection to the package index and the free space, then start again (details in $LOG)."
    fi
}

# What dev holds includes what proxy holds, so whoever has tested once keeps dev.
profile_to_keep() {
    local installed=''
    if [ -f "$STAMP" ]; then IFS= read -r installed <"$STAMP" || true; fi
    if [ "$installed" = dev ]; then PROFILE=dev; else PROFILE=$1; fi
}

ensure_environment() { # proxy or dev
    local python
    profile_to_keep "$1"
    is_ready "$PROFILE" && return 0

    python=$(find_python) || return 1
    if ! { : >>"$LOCK"; } 2>/dev/null; then
        say "The environment belongs into $ROOT, which cannot be written to: change its permissions, or work in a copy of your own."
        return 1
    fi
    (
        cd "$ROOT" || exit 1
        "$python" -I -c "$WAIT_FOR_LOCK" || exit 1
        profile_to_keep "$1" # whoever held the lock may have done it all
        is_ready "$PROFILE" && exit 0
        make_environment_alone "$PROFILE" "$python" && exit 0
        explain_failure
        exit 1
    ) 9>>"$LOCK" </dev/null
}
