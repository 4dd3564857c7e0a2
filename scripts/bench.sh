#!/usr/bin/env bash
# Builds and runs one bench: scripts/bench.sh NAME [ARG ...]. Stdout carries the bench's JSON lines only.
# bench/NAME.sh or bench/NAME.py, where there is one, measures us and our peers in one run;
# otherwise the program charter_NAME_bench is run by itself.
set -euo pipefail
. "$(dirname "$0")/env.sh"
name="${1:-}"
shift || true
cd "$root"
known() { { ls bench/*_bench.cpp bench/*.sh bench/*.py 2>/dev/null || true; } | sed -E 's#bench/##; s#(_bench)?\.[a-z]+$##' | sort -u | xargs; }
[ -n "$name" ] || die "make bench BENCH=NAME: expected one of: $(known)"
case " $(known) " in *" $name "*) ;; *) die "no bench named $name: expected one of: $(known)" ;; esac
scripts/build.sh release >&2
if [ -f "bench/$name.py" ]; then
  python="$CHARTER_CACHE/peers/bin/python"
  [ -x "$python" ] || python=python3
  exec "$python" "bench/$name.py" "$@"
fi
[ -f "bench/$name.sh" ] && exec bash "bench/$name.sh" "$@"
exec "build/release/bin/charter_${name}_bench" "$@"
