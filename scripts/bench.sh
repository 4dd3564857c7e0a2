#!/usr/bin/env bash
# Builds and runs one bench: scripts/bench.sh NAME [ARG ...]. Stdout carries JSON lines only.
# Where the peers are installed (make bench-peers), ours and a peer are measured by turns in one run and a line
# holds both with their ratio; elsewhere ours is measured alone. ARGs go to bench/peers/alternate.py, or to our program.
set -euo pipefail
. "$(dirname "$0")/env.sh"
name="${1:-}"
shift || true
cd "$root"

# What measures NAME on our side, and the peer it is compared with.
case "$name" in
  rollout) program="charter_rollout_bench --work rollout --batch 32" case=plain peers="transformers" ;;
  labels) program="charter_rollout_bench --work labels --batch 16 --prefix 900 --tail 155 --warm" case=reused peers="transformers" ;;
  *)
    known="labels $(find bench -maxdepth 1 -name '*_bench.cpp' -printf '%f\n' | sed 's/_bench.cpp$//' | sort | xargs)"
    [ -n "$name" ] || die "make bench BENCH=NAME: expected one of: $known"
    [ -f "bench/${name}_bench.cpp" ] || die "no bench named $name: expected one of: $known"
    program="charter_${name}_bench" case="" peers=""
    ;;
esac

scripts/build.sh release "${program%% *}" >&2
ours="build/release/bin/$program"
python="$CHARTER_CACHE/peers/bin/python"
if [ -z "$peers" ]; then
  exec $ours "$@"
elif [ -f "$CHARTER_CACHE/peers/READY" ]; then
  arguments=()
  for peer in $peers; do arguments+=(--peer "$peer"); done
  exec "$python" bench/peers/alternate.py --bench "$name" --case "$case" "${arguments[@]}" \
    --ours "$ours --model $CHARTER_MODEL --serve" "$@"
else
  say "the peers are not installed (make bench-peers): measuring ours alone"
  exec $ours --model "$CHARTER_MODEL" "$@"
fi
