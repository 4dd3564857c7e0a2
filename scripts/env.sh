# Where things live. Sourced by the other scripts; override any of these in the environment.
#   CHARTER_CACHE     downloads and unpacked libraries, outside the clone
#   CHARTER_LIBTORCH  a LibTorch to use instead of the downloaded one (holds include/ and lib/)
#   CHARTER_MODEL     a model to train instead of the default (a GGUF file or a Hugging Face directory)
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
CHARTER_CACHE="${CHARTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/charter}"
cached_libtorch="$CHARTER_CACHE/libtorch-2.11.0"
cached_model="$CHARTER_CACHE/models/SmolLM2-135M-Instruct.Q4_1.gguf"
CHARTER_LIBTORCH="${CHARTER_LIBTORCH:-$cached_libtorch}"
CHARTER_MODEL="${CHARTER_MODEL:-$cached_model}"
# Threads that wait for work sleep: several processes share the cores.
OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"
export CHARTER_CACHE CHARTER_LIBTORCH CHARTER_MODEL OMP_WAIT_POLICY
say() { printf '\033[1mcharter:\033[0m %s\n' "$*" >&2; }
die() { printf 'charter: %s\n' "$*" >&2; exit 1; }
