#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs each for a while: scripts/fuzz.sh [SECONDS]. It starts from the tests'
# small models and keeps what it finds under build/fuzz/corpus; a crash leaves its input there and ends the script.
set -euo pipefail
. "$(dirname "$0")/env.sh"
seconds="${1:-60}"
cd "$root"
command -v clang++ > /dev/null || die "clang++ is not installed; make tools installs it"
scripts/build.sh fuzz >&2
# LibTorch keeps its registries until exit.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=0:detect_odr_violation=0}"
for name in gguf safetensors tokenizer_json jinja; do
  corpus="build/fuzz/corpus/$name"
  mkdir -p "$corpus"
  python3 tests/fuzz/seeds.py "$name" "$corpus"
  say "$name for $seconds s"
  "build/fuzz/bin/${name}_fuzz" -max_total_time="$seconds" -max_len=65536 -timeout=10 -artifact_prefix="$corpus/" \
    -print_final_stats=1 "$corpus" 2> "$corpus.log" || { tail -40 "$corpus.log" >&2; die "$name: see $corpus.log"; }
  grep -E "stat::number_of_executed_units|stat::peak_rss_mb|stat::largest_peak" "$corpus.log"
done
