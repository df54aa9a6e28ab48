#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints what libkerf costs as one JSON object: alloc_ns (cuMemAlloc + cuMemFree with 1 and 100 000 live allocations)
# and start_ms (/bin/true), bare and under the preload. Bare and preloaded take turns, the best of three counts: the
# machine is shared. Needs root (private mounts) and `npm run build:native`.
set -eu
here=$(dirname "$(readlink -f "$0")")
built=$here/../build/release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

uuid=$("$built/kerf-fake-gpus" init "$work/node" --gpu H200-141G | cut -d' ' -f2)
mkdir -p "$work/kerf/dev" "$work/bare/dev"
: >"$work/kerf/dev/nvidia0"
: >"$work/bare/dev/nvidia0"
echo "$built/fake" >"$work/ld.so.conf"
/sbin/ldconfig -X -f "$work/ld.so.conf" -C "$work/bare/ld.so.cache"
cp "$work/bare/ld.so.cache" "$built/libkerf.so" "$built/libkerf-nvml.so" "$work/kerf/"
printf '/usr/local/kerf/libkerf.so\n/usr/local/kerf/libkerf-nvml.so\n' >"$work/kerf/preload"
"$built/bin/make-slice" "$work/kerf" "$uuid" 131072

least() { sort -g | head -n 1; }
in_slice() {
  kind=$1
  shift
  "$here/../test/in-slice.sh" "$work/$kind" "$work/node" "$@"
}

for turn in 1 2 3; do
  for kind in bare kerf; do
    in_slice $kind "$built/bin/bench-alloc" 1 >>"$work/$kind.1"
    in_slice $kind "$built/bin/bench-alloc" 100000 >>"$work/$kind.100000"
    in_slice $kind "$built/bin/bench-start" 300 /bin/true >>"$work/$kind.start"
  done
done

printf '{"alloc_ns":{"bare_1":%s,"kerf_1":%s,"bare_100000":%s,"kerf_100000":%s},"start_ms":{"bare":%s,"kerf":%s}}\n' \
  "$(least <"$work/bare.1")" "$(least <"$work/kerf.1")" "$(least <"$work/bare.100000")" \
  "$(least <"$work/kerf.100000")" "$(least <"$work/bare.start")" "$(least <"$work/kerf.start")"
