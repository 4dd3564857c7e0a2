#!/usr/bin/env bash
# Builds and runs one bench, or all: scripts/bench.sh NAME|all [ARG ...]. Stdout carries JSON lines only, one a case
# and peer. Where the peers are installed (make bench-peers) ours and its peers are measured by turns in one run;
# elsewhere ours is measured alone. ARGs: --case CASE, and those of bench/peers/alternate.py (--n 1, --batch 2 ...).
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
benches="rollout labels pm_train sft ppo startup"
name="${1:-}"
shift || true
[ -n "$name" ] || die "make bench BENCH=NAME: expected one of: $benches limits all"
case " $benches limits all " in
  *" $name "*) ;;
  *) die "no bench named $name: expected one of: $benches limits all" ;;
esac

if [ "$name" = limits ]; then
  scripts/build.sh release charter_limits_bench >&2
  exec build/release/bin/charter_limits_bench "$@"
fi
[ "$name" = all ] || benches="$name"

targets="charter_limits_bench charter_rollout_bench charter_train_bench"
case " $benches " in *" startup "*) targets="$targets charter" ;; esac
# shellcheck disable=SC2086
scripts/build.sh release $targets >&2

peers=()
if [ -f "$CHARTER_CACHE/peers/READY" ] && [ -f "$CHARTER_CACHE/peers/READY.llama" ]; then
  "$CHARTER_CACHE/peers/bin/python" bench/peers/dequantize.py >&2
  peers=(--python "$CHARTER_CACHE/peers/bin/python")
else
  say "the peers are not installed (make bench-peers): measuring ours alone"
fi

# The model as a Hugging Face directory of our own making, for startup.
directory="$CHARTER_CACHE/bench-model"
case " $benches " in
  *" startup "*)
    if [ "$(cat "$directory.source" 2>/dev/null)" != "$CHARTER_MODEL" ]; then
      rm -rf "$directory" "$directory.source"
      build/release/bin/charter import "$CHARTER_MODEL" "$directory" >&2
      echo "$CHARTER_MODEL" > "$directory.source"
    fi
    ;;
esac

failed=""
for bench in $benches; do
  python3 bench/peers/run.py "$bench" --bin build/release/bin --model "$CHARTER_MODEL" --directory "$directory" \
    "${peers[@]}" "$@" || failed="$failed $bench"
done
[ -z "$failed" ] || die "not measured:$failed"
