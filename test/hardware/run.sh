#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What must be seen on a real GPU. Needs gcc, the driver, a shell; no root, no cmake, no package registry.
#
#   test/hardware/run.sh [--fake] [--seconds S] [--limits LIST] [--out DIR] [--peer LIBVGPU.SO] [PART...]
#
#   loads     2 minutes   everything builds, loads and tells the slice's figures; names the driver exports beyond ours
#   memory    6 minutes   every way of asking, filled to the limit and hammered by 8 processes; what NVML saw; kill -9
#   overhead  3 minutes   nanoseconds added to alloc+free and to a launch, milliseconds to a start
#   compute   8 minutes   limits 10 to 90 x kernels of 20 us to 20 ms x async, sync, graph, beside the same load unlimited
#   tenants   6 minutes   30:70, 10:90 and 10:30:60 of one device at once
#
# One JSON line a check or figure, on stdout and in DIR/results.jsonl (default: a folder beside this file's build). A part
# that is done there is not run again. Last line: `N passed, N failed`; exit code 1 where one failed.
#   --fake   the same on a fake H200 (built by `npm run build:native`), to know that the check itself is sound
#   --seconds S  of each run, 3 when absent; less is a rehearsal whose figures mean little
#   --limits LIST  of the compute part, in percent: '10 30 50 70 90' when absent
#   --peer   HAMi-core's library: six compute cases on it too, in the same run
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out='' fake='' peer='' each_s=3 limits='10 30 50 70 90' parts=''
while [ $# -gt 0 ]; do
  case $1 in
  --fake) fake=1 ;;
  --seconds) each_s=$2 && shift ;;
  --limits) limits=$2 && shift ;;
  --out) out=$2 && shift ;;
  --peer) peer=$2 && shift ;;
  -h | --help) sed -n '3,18p' "$0" | cut -c3- && exit 0 ;;
  loads | memory | overhead | compute | tenants) parts="$parts $1" ;;
  *) echo "run.sh: '$1' is no part: loads, memory, overhead, compute, tenants would be right" >&2 && exit 2 ;;
  esac
  shift
done
parts=${parts:-loads memory overhead compute tenants}
out=$(mkdir -p "${out:=${TMPDIR:-/tmp}/kerf-hardware}" && cd "$out" && pwd)
results=$out/results.jsonl
touch "$results"
. "$here/parts.sh"

[ -x "$out/bin/bench-alloc" ] && [ -e "$out/c/libkerf-nvml.so" ] || sh "$here/build.sh" "$out" >&2
if [ -n "$fake" ]; then
  built=$here/../../native/build/release
  rm -rf "$out/fake"
  "$built/kerf-fake-gpus" init "$out/fake" --gpu H200-141G >/dev/null
  export KERF_FAKE_DIR="$out/fake" KERF_FAKE_DEV_DIR="$out/fake/dev"
  export LD_LIBRARY_PATH="$built/fake${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi
workload=$out/bin/kerf-workload
bare=$("$workload" info) || true
uuid=$(printf '%s' "$bare" | grep -o 'GPU-[0-9a-f-]*' | head -n 1)
[ -n "$uuid" ] || { echo "run.sh: no GPU is to be seen: $bare" >&2 && exit 2; }
ns_per_iteration=$(number "$("$workload" calibrate)" ns_per_iteration)

for part in $parts; do
  grep -q "\"part\":\"$part\",\"done\":true" "$results" && { echo "$part: done before, see $results" >&2 && continue; }
  grep -v "\"part\":\"$part\"" "$results" >"$results.rest" || true
  mv "$results.rest" "$results"
  began=$(date +%s)
  echo "$part ..." >&2
  "part_$part"
  line "{\"part\":\"$part\",\"done\":true,\"seconds\":$(($(date +%s) - began))}"
done
passed=$(grep -c '"holds":true' "$results" || true)
failed=$(grep -c '"holds":false' "$results" || true)
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
