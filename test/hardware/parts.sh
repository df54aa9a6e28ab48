# SPDX-License-Identifier: Apache-2.0
# The parts of run.sh, which sets: out results uuid bare workload each_s limits ns_per_iteration fake peer.

line() { printf '%s\n' "$1" | tee -a "$results"; }
number() { printf '%s' "$1" | grep -o "\"$2\":-\{0,1\}[0-9.]*" | head -n 1 | cut -d: -f2; }
reckon() { awk "BEGIN { printf \"%.4f\", $1 }"; }
is() { awk "BEGIN { exit !($1) }" && echo true || echo false; }
check() { line "{\"part\":\"$part\",\"check\":\"$1\",\"holds\":$2,\"value\":${3:-0}}"; } # name holds value
figure() { # metric value unit [bar condition]
  if [ $# -gt 3 ]; then line "{\"part\":\"$part\",\"metric\":\"$1\",\"value\":$2,\"unit\":\"$3\",\"bar\":\"$4\",\"holds\":$(is "$5")}"
  else line "{\"part\":\"$part\",\"metric\":\"$1\",\"value\":$2,\"unit\":\"$3\"}"; fi
}
slice() { "$out/bin/make-slice" "$out/$1" "$uuid" "$2" && chmod u+w "$out/$1/limits"; } # tenant MIB[:PERMILLE[:soft]]
within() { # tenant command...
  tenant=$1
  shift
  LD_PRELOAD="$out/$tenant/libkerf.so:$out/$tenant/libkerf-nvml.so" "$@"
}
# Seconds of a part that are left of its minutes: a slow machine ends early and says so, instead of being killed.
has_time() { [ $(($(date +%s) - began)) -lt $(($1 * 60)) ]; }

LIMIT_MIB=4096
LIMIT=$((LIMIT_MIB * 1048576))

part_loads() {
  line "{\"part\":\"loads\",\"device\":$bare}"
  smi=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null || echo none)
  line "{\"part\":\"loads\",\"nvidia_smi\":\"$smi\",\"kernel\":\"$(uname -r)\",\"glibc\":\"$(getconf GNU_LIBC_VERSION)\"}"
  slice a $LIMIT_MIB
  info=$(within a "$workload" info) || true
  check 'CUDA total is the limit' "$(is "$(number "$info" cuda_total_bytes) == $LIMIT")" "$(number "$info" cuda_total_bytes)"
  check 'NVML total is the limit' "$(is "$(number "$info" nvml_total_bytes) == $LIMIT")" "$(number "$info" nvml_total_bytes)"
  check 'the whole device is larger' "$(is "$(number "$bare" cuda_total_bytes) > $LIMIT")" "$(number "$bare" cuda_total_bytes)"
  for pattern in async sync graph; do
    ran=$(within a "$workload" launch --pattern $pattern --kernel-us 200 --seconds 0.3 --ns-per-iteration "$ns_per_iteration") || true
    check "launches run: $pattern" "$(is "${ran:+1} && $(number "$ran" failures) == 0 && $(number "$ran" launches) > 1")" "$(number "$ran" launches)"
  done
  links_read
  beyond=$(exports_beyond_ours)
  figure "names the driver exports that are none of ours" "$(printf '%s' "$beyond" | wc -w)" ''
  [ -z "$beyond" ] || line "{\"part\":\"loads\",\"beyond\":\"$beyond\"}"
  if command -v nvidia-smi >/dev/null; then
    told=$(within a nvidia-smi --query-gpu=memory.total --format=csv,noheader,nounits 2>&1 | head -n 1)
    check 'nvidia-smi shows the slice' "$(is "\"$told\" == \"$LIMIT_MIB\"")" "\"$told\""
  fi
}

# With node, our packages and the addon: how devices are linked, beside what nvidia-smi says.
links_read() {
  root=$here/../..
  [ -z "$fake" ] && command -v node >/dev/null && [ -e "$root/node_modules/tsx" ] &&
    [ -e "$root/native/build/nvml-addon/Release/nvml.node" ] || { echo 'links not read: node, its packages or the addon are missing' >&2 && return 0; }
  linked=$(cd "$root" && node --import tsx test/hardware/links.ts) || linked='{"known":-1,"pairs":0}'
  check 'every pair of devices has a link' "$(is "$(number "$linked" known) == $(number "$linked" pairs)")" "$(number "$linked" known)"
  line "{\"part\":\"loads\",\"links\":$linked}"
}

exports_beyond_ours() {
  real=$(driver_file)
  [ -n "$real" ] && command -v nm >/dev/null || return 0
  names() { nm -D --defined-only "$1" | awk '$3 ~ /^cu/ { sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort -u; }
  names "$real" >"$out/work/theirs"
  names "$out/a/libkerf.so" >"$out/work/ours"
  LC_ALL=C comm -23 "$out/work/theirs" "$out/work/ours" | tr '\n' ' '
}
driver_file() {
  if [ -n "$fake" ]; then echo "$here/../../native/build/release/fake/libcuda.so.1"; else ldconfig -p | awk '/libcuda\.so\.1 .*x86-64|libcuda\.so\.1 .*AArch64/ { print $NF; exit }'; fi
}

part_memory() {
  slice a $LIMIT_MIB
  for api in malloc async managed vmm pitch array mipmap; do
    has_time 6 || { line "{\"part\":\"memory\",\"cut\":\"$api\"}" && break; }
    fill=$(within a "$workload" fill --step 16 --api $api) || true
    got=$(number "$fill" allocated_mib)
    check "$api: fills its part and no more" "$(is "${got:-0} >= $((LIMIT_MIB * 7 / 10)) && ${got:-0} <= $LIMIT_MIB")" "${got:-0}"
    code=$(number "$fill" refused_code)
    check "$api: the refusal is CUDA_ERROR_OUT_OF_MEMORY" "$(is "${code:--1} == 2")" "${code:--1}"
  done
  hammer=$(within a "$workload" hammer --procs 8 --seconds "$(reckon "$each_s * 3")" --api all | tail -n 1) || true
  most=$(number "$hammer" max_used_bytes)
  check '8 processes over every API never pass the limit together' "$(is "${most:-0} > 0 && ${most:-0} <= $LIMIT")" "${most:-0}"
  seen_by_nvml
  killed_and_back
}

# What the whole device says while a slice is full: more than the limit is the contexts' that we did not foresee.
seen_by_nvml() {
  before=$(number "$("$workload" info)" nvml_used_bytes)
  within a "$workload" alloc $((LIMIT_MIB - 1024)) --hold 4 >"$out/work/held" &
  holder=$!
  sleep 2
  after=$(number "$("$workload" info)" nvml_used_bytes)
  wait $holder || true
  figure 'device memory used beside 3072 MiB asked, by NVML' "$(reckon "($after - $before) / 1048576 - 3072")" MiB
  check 'a slice uses no more of the device than its limit, by NVML' "$(is "$after - $before <= $LIMIT + 67108864")" "$(reckon "$after - $before")"
}

killed_and_back() {
  within a "$workload" alloc $((LIMIT_MIB * 6 / 10)) --hold 60 >"$out/work/held" &
  holder=$!
  for _ in 1 2 3 4 5 6 7 8 9 10; do [ -s "$out/work/held" ] && break || sleep 0.5; done
  kill -9 $holder
  wait $holder 2>/dev/null || true
  sleep 1
  again=$(within a "$workload" alloc $((LIMIT_MIB * 6 / 10))) || true
  check 'what a killed process held can be had again' "$(is "$(number "$again" code) == 0")" "$(number "$again" code)"
}

part_overhead() {
  for live in 1 100000; do
    slice a 65536
    bare_ns=$("$out/bin/bench-alloc" $live)
    kerf_ns=$(within a "$out/bin/bench-alloc" $live)
    figure "cuMemAlloc + cuMemFree added, $live live" "$(reckon "$kerf_ns - $bare_ns")" ns '≤ 200' "$kerf_ns - $bare_ns <= 200"
  done
  for permille in 0 500; do
    slice a 65536:$permille
    bare_rate=$(rate_of)
    kerf_rate=$(rate_of a)
    [ $permille = 0 ] && bar=30 || bar=80
    [ $permille = 0 ] && figure 'launch added, no compute limit' "$(reckon "1e9 / $kerf_rate - 1e9 / $bare_rate")" ns "≤ $bar" "1e9 / $kerf_rate - 1e9 / $bare_rate <= $bar"
    [ $permille = 0 ] || figure 'launches of nothing a second at half the device, of those without us' "$(reckon "$kerf_rate / $bare_rate")" ''
  done
}

# Launches a second of a kernel that does next to nothing, the queue kept full; the best of five: others measure the neighbours.
rate_of() {
  for _ in 1 2 3 4 5; do
    if [ $# -gt 0 ]; then ran=$(within "$1" "$workload" launch --pattern async --kernel-us 0.001 --seconds "$(reckon "$each_s / 5")")
    else ran=$("$workload" launch --pattern async --kernel-us 0.001 --seconds "$(reckon "$each_s / 5")"); fi
    number "$ran" launches_per_second
  done | sort -g | tail -n 1
}

launch() { # command with its verb
  "$@" --seconds "$each_s" --ns-per-iteration "$ns_per_iteration"
}

part_compute() {
  errors='' efficiencies=''
  for us in 20 200 2000 20000; do
    for pattern in async sync graph; do
      alone=$(launch "$workload" launch --pattern $pattern --kernel-us $us) || true
      natural=$(number "$alone" busy_share)
      for percent in $limits; do
        has_time 8 || { line "{\"part\":\"compute\",\"cut\":\"$us us $pattern $percent %\"}" && break 3; }
        slice a 8192:$((percent * 10))
        ran=$(launch within a "$workload" launch --pattern $pattern --kernel-us $us) || true
        want=$(reckon "($natural < $percent / 100) ? $natural : $percent / 100")
        got=$(number "$ran" busy_share)
        figure "$us us $pattern at $percent %: busy share" "${got:-0}" ''
        errors="$errors + $(reckon "($got > $want ? $got - $want : $want - $got) * 100")"
        efficiencies="$efficiencies $(reckon "$got / $want")"
      done
      [ -z "$peer" ] || peer_case $us $pattern
    done
  done
  count=$(printf '%s' "$efficiencies" | wc -w)
  mae=$(reckon "(0 $errors) / $count")
  least=$(printf '%s\n' $efficiencies | sort -g | head -n 1)
  figure "mean absolute error of the busy share, $count cases" "$mae" points '≤ 3' "$mae <= 3"
  figure 'throughput of the granted share, least case' "$least" '' '≥ 0.95' "$least >= 0.95"
}

# HAMi-core takes its limits from the environment.
peer_case() { # kernel_us pattern
  [ "$1" = 200 ] || [ "$1" = 2000 ] || return 0
  ran=$(LD_PRELOAD=$peer CUDA_DEVICE_SM_LIMIT=30 CUDA_DEVICE_MEMORY_LIMIT=8g GPU_CORE_UTILIZATION_POLICY=force \
    CUDA_DEVICE_MEMORY_SHARED_CACHE=$out/work/peer.cache launch "$workload" launch --pattern "$2" --kernel-us "$1" 2>/dev/null) || true
  rm -f "$out/work/peer.cache"
  figure "$1 us $2 at 30 %: busy share with the peer" "$(number "${ran:-\"busy_share\":0}" busy_share)" ''
}

part_tenants() {
  for shares in '300 700' '100 900' '100 300 600'; do
    has_time 6 || { line "{\"part\":\"tenants\",\"cut\":\"$shares\"}" && break; }
    together "$shares"
  done
}

# All at once, 2 ms kernels; each of them against its share of what they did together.
together() {
  set -- $1
  tenants='' sum=0
  for permille in "$@"; do
    tenant=$(printf 'a b c' | cut -d' ' -f$(($(printf '%s' "$tenants" | wc -w) + 1)))
    tenants="$tenants $tenant"
    sum=$((sum + permille))
    slice "$tenant" "8192:$permille"
    within "$tenant" "$workload" launch --pattern async --kernel-us 2000 --seconds "$(reckon "$each_s * 3")" \
      --ns-per-iteration "$ns_per_iteration" >"$out/work/tenant-$tenant" &
  done
  wait
  all=0
  for tenant in $tenants; do all=$(reckon "$all + $(number "$(cat "$out/work/tenant-$tenant")" busy_share)"); done
  for permille in "$@"; do
    tenant=$(printf '%s' $tenants | cut -c1)
    tenants=${tenants#??}
    got=$(number "$(cat "$out/work/tenant-$tenant")" busy_share)
    figure "$* permille together: the share of $permille" "$(reckon "$got / $all")" '' 'within 5 % of its part' \
      "$got / $all >= 0.95 * $permille / $sum && $got / $all <= 1.05 * $permille / $sum"
  done
  figure "$* permille together: busy in all" "$all" ''
}
