#!/usr/bin/env bash
# Builds one preset: scripts/build.sh [PRESET] [TARGET ...]. Installs nothing.
set -euo pipefail
. "$(dirname "$0")/env.sh"
preset="${1:-release}"
shift || true
cd "$root"
[ -f "$CHARTER_LIBTORCH/lib/libtorch_cpu.so" ] || die "LibTorch is not at $CHARTER_LIBTORCH; run scripts/install.sh"
stamp="build/$preset/.libtorch"
if [ ! -f "build/$preset/build.ninja" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$CHARTER_LIBTORCH" ]; then
  cmake --preset "$preset" -DCHARTER_LIBTORCH="$CHARTER_LIBTORCH"
  echo "$CHARTER_LIBTORCH" > "$stamp"
fi
# A file that uses LibTorch takes up to 2 GB to compile.
jobs="${CHARTER_JOBS:-$(awk -v cores="$(nproc)" '/^MemAvailable/ { fit = int($2 / 2e6) }
  END { print (fit < 1 ? 1 : fit < cores ? fit : cores) }' /proc/meminfo)}"
exec cmake --build --preset "$preset" --parallel "$jobs" ${1:+--target "$@"}
