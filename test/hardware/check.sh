#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What must be seen on a real GPU: a program in a slice of 4 GiB, on the driver of this machine.
#
#   test/hardware/check.sh           builds native/, takes the first GPU of the machine; needs root, gcc, cmake
#   test/hardware/check.sh --fake    the same on four fake H200, to know that the check itself is sound
#
# How the GPUs are linked is read too, and shown beside `nvidia-smi topo -m` (with node and the addon: npm run build:native).
# Prints one JSON line a check, and `N passed, N failed`; exit code 1 when one failed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
built=$here/../../native/build/release
LIMIT_MIB=4096

if [ "${KERF_HARDWARE_INSIDE:-}" != 1 ]; then
  [ -x "$built/kerf-workload" ] || {
    cmake -S "$here/../../native" -B "$built" -DCMAKE_BUILD_TYPE=Release >&2
    cmake --build "$built" -j >&2
  }
  # The slice's files lie where they lie in a container; the mounts are private and end with us.
  KERF_HARDWARE_INSIDE=1 exec unshare --mount --propagation private sh "$0" "$@"
fi

passed=0
failed=0
say() { # name holds value
  if [ "$2" = true ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  printf '{"check":"%s","holds":%s,"value":%s}\n' "$1" "$2" "$3"
}
field() { # json name: the first number of that name
  printf '%s' "$1" | grep -o "\"$2\":[0-9.]*" | head -n 1 | cut -d: -f2
}
within() { # value low high
  awk -v v="${1:-0}" -v low="$2" -v high="$3" 'BEGIN { print (v >= low && v <= high) ? "true" : "false" }'
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "${1:-}" = --fake ]; then
  mount -t tmpfs tmpfs /run
  "$built/kerf-fake-gpus" init /run/kerf-fake --gpu H200-141G*4 --links NVLINK-PAIRS >/dev/null
  export KERF_FAKE_DEV_DIR=/run/kerf-fake/dev
  echo "$built/fake" >"$work/ld.so.conf"
  ldconfig -X -f "$work/ld.so.conf" -C "$work/ld.so.cache"
  mount --bind "$work/ld.so.cache" /etc/ld.so.cache
fi

bare=$("$built/kerf-workload" info)
uuid=$(printf '%s' "$bare" | grep -o 'GPU-[0-9a-f-]*' | head -n 1)
whole=$(field "$bare" cuda_total_bytes)
[ -n "$uuid" ] || { echo "no GPU to be seen: $bare" >&2; exit 2; }
bare_ns=$("$built/bin/bench-alloc" 1)

if command -v node >/dev/null && [ -e "$here/../../native/build/nvml-addon/Release/nvml.node" ]; then
  linked=$(cd "$here/../.." && node --import tsx test/hardware/links.ts)
  say 'every pair of devices has a link' "$(within "$(field "$linked" known)" "$(field "$linked" pairs)" "$(field "$linked" pairs)")" "$(field "$linked" known)"
  command -v nvidia-smi >/dev/null &&
    say 'the links are those of nvidia-smi' "$(printf '%s' "$linked" | grep -q '"differs":\[\]' && echo true || echo false)" "$linked"
else
  echo 'links not read: node or the addon is missing' >&2
fi

"$built/bin/make-slice" "$work" "$uuid" "$LIMIT_MIB"
mount -t tmpfs tmpfs /usr/local
mkdir /usr/local/kerf
cp "$built/libkerf.so" "$built/libkerf-nvml.so" "$work/limits" "$work/region" /usr/local/kerf/
preload='/usr/local/kerf/libkerf.so:/usr/local/kerf/libkerf-nvml.so'
in_slice() { LD_PRELOAD=$preload "$@"; }
limit=$((LIMIT_MIB * 1048576))

info=$(in_slice "$built/kerf-workload" info)
say 'CUDA total is the limit' "$(within "$(field "$info" cuda_total_bytes)" $limit $limit)" "$(field "$info" cuda_total_bytes)"
say 'NVML total is the limit' "$(within "$(field "$info" nvml_total_bytes)" $limit $limit)" "$(field "$info" nvml_total_bytes)"
say 'the whole device is larger' "$(within "$whole" $((limit + 1)) 9e15)" "$whole"

for api in malloc async managed vmm; do
  fill=$(in_slice "$built/kerf-workload" fill --step 2 --api $api)
  got=$(field "$fill" allocated_mib)
  say "$api: fills its part and no more" "$(within "$got" $((LIMIT_MIB * 8 / 10)) $LIMIT_MIB)" "${got:-0}"
  say "$api: the refusal is CUDA_ERROR_OUT_OF_MEMORY" "$(within "$(field "$fill" refused_code)" 2 2)" "$(field "$fill" refused_code)"
done

hammer=$(in_slice "$built/kerf-workload" hammer --procs 8 --seconds 3 | tail -n 1)
most=$(field "$hammer" max_used_bytes)
say '8 processes never pass the limit together' "$(within "$most" 1 $limit)" "${most:-0}"

kerf_ns=$(in_slice "$built/bin/bench-alloc" 1)
added=$(awk -v a="$kerf_ns" -v b="$bare_ns" 'BEGIN { print a - b }')
printf '{"figure":"cuMemAlloc + cuMemFree added","value":%s,"unit":"ns","bar":"≤ 200"}\n' "$added"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
