#!/usr/bin/env bash
# Makes the Python environment of the benches' peers and of the golden scripts:
# $CHARTER_CACHE/peers, from PyPI, every version pinned in requirements.txt. A second call returns at
# once. READY appears as soon as torch and transformers work, READY.llama when llama.cpp does too.
#
# The only x86-64 wheel of torch is the CUDA build, whose libraries are 2.5 GB that no CPU run calls.
# So they are not downloaded: empty libraries of the same names stand in for them, and Python
# binds symbols lazily. A call that would need CUDA ends the process with "symbol lookup error".
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=/dev/null
. "$here/../../scripts/env.sh"
venv="$CHARTER_CACHE/peers"
python="$venv/bin/python"
wanted="$(cat "$here/requirements.txt" "$here/setup.sh" | sha256sum | cut -c1-16)"

cuda_names="libnvshmem_host.so.3 libcusparse.so.12 libcufft.so.12 libcufile.so.0 libcusparseLt.so.0
  libnccl.so.2 libcurand.so.10 libcublas.so.13 libcublasLt.so.13 libcudnn.so.9"

# The symbol version names that torch's libraries ask of library $2: the loader refuses without them.
version_names() {
  local file
  for file in "$1"/libtorch*.so; do readelf -V -W "$file"; done | awk -v wanted="$2" '
    { found = ""; for (i = 1; i < NF; i++) if ($i == "File:") found = $(i + 1) }
    found != "" { on = found == wanted; next }
    on { for (i = 1; i < NF; i++) if ($i == "Name:") print $(i + 1) }' | sort -u
}

make_stand_ins() {
  local lib="$1" name map
  map="$(mktemp)"
  for name in $cuda_names; do
    version_names "$lib" "$name" | sed 's/$/ { };/' > "$map"
    if [ -s "$map" ]; then
      gcc -shared -x c /dev/null -o "$lib/$name" -Wl,-soname,"$name" -Wl,--version-script="$map"
    else
      gcc -shared -x c /dev/null -o "$lib/$name" -Wl,-soname,"$name"
    fi
  done
  rm -f "$map"
}

install_python_side() {
  if [ "$(cat "$venv/READY" 2>/dev/null | head -1)" = "$wanted" ]; then
    say "peers: torch and transformers are in place in $venv"
    return
  fi
  [ -x "$python" ] || { say "peers: making $venv"; python3 -m venv "$venv"; }
  rm -f "$venv/READY"
  say "peers: installing torch, transformers, trl, peft and what they need"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    -r <(grep -v '^llama-cpp-python' "$here/requirements.txt")
  local site
  site="$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
  say "peers: making stand-ins for the CUDA libraries"
  make_stand_ins "$site/torch/lib"
  echo 'import os, sys; sys.setdlopenflags(os.RTLD_LAZY)' > "$site/charter_lazy_binding.pth"
  local versions
  versions="$("$python" -c 'import torch, transformers, trl, peft
print("torch", torch.__version__, "transformers", transformers.__version__, "trl", trl.__version__, "peft", peft.__version__)')"
  printf '%s\n%s\n' "$wanted" "$versions" > "$venv/READY"
  say "peers: $versions"
}

# ggml is compiled for this machine's CPU, so the stamp names the CPU flags too.
install_llama_cpp() {
  local cpu line
  line="$(grep '^llama-cpp-python' "$here/requirements.txt")"
  cpu="$line $(grep -m1 '^flags' /proc/cpuinfo | sha256sum | cut -c1-16)"
  if [ "$(cat "$venv/READY.llama" 2>/dev/null)" = "$cpu" ]; then
    say "peers: llama.cpp is in place"
    return
  fi
  rm -f "$venv/READY.llama"
  say "peers: compiling $line (5 to 15 minutes)"
  CMAKE_BUILD_PARALLEL_LEVEL="${CHARTER_JOBS:-2}" \
    CMAKE_ARGS="-DGGML_NATIVE=ON -DGGML_OPENMP=ON -DLLAVA_BUILD=OFF -DLLAMA_CURL=OFF" \
    nice "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-cache-dir \
    --force-reinstall "$line"
  "$python" -c 'import llama_cpp'
  printf '%s\n' "$cpu" > "$venv/READY.llama"
}

install_python_side
install_llama_cpp
say "peers: ready; python is $python"
