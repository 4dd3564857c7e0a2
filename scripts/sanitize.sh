#!/usr/bin/env bash
# Builds and runs tests under sanitizers: scripts/sanitize.sh asan|tsan.
#   asan: every test that is not slow. tsan: transport, store and actors, which hold all threads of ours.
# LibTorch itself is not instrumented: what happens inside it is not reported.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
preset="${1:-}"
case "$preset" in
  asan)
    # LibTorch keeps its registries until exit, and its vtables are not built for -fsanitize=vptr.
    export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=0:detect_odr_violation=0}"
    export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}"
    scripts/build.sh asan
    ;;
  tsan)
    export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1:suppressions=$root/scripts/tsan.supp}"
    # shellcheck disable=SC2046
    scripts/build.sh tsan $(find tests -name CMakeLists.txt -exec cat {} + | tr '\n' ' ' |
      grep -oE 'charter_test\([a-z_]+( TORCH)? LABEL (actors|transport|store)' |
      sed -E 's/charter_test\(([a-z_]+).*/\1/')
    ;;
  *) die "scripts/sanitize.sh: expected asan or tsan, got '$preset'" ;;
esac
ctest --preset "$preset"
