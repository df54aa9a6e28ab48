#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build.sh OUT: libkerf for three tenants and the programs of the check, by gcc alone: no cmake, no root, no registry. Each
# tenant's library looks for its slice in OUT/<tenant> instead of /usr/local/kerf, so that nothing has to be mounted.
set -eu
out=$1
native=$(cd "$(dirname "$0")/../../native" && pwd)
interposer=$native/interposer
machine=$(uname -m)
flags="-std=gnu11 -O2 -Wall -Wextra -I$native/include -I$native/ledger"
mkdir -p "$out/bin" "$out/work"

for side in cuda nvml; do
  sh "$interposer/generate.sh" $side "$machine" >"$out/work/$side-trampolines.S"
done
gcc $flags -o "$out/bin/kerf-workload" $(find "$native/workload" -name '*.c' ! -name unpreloaded.c) -ldl
gcc $flags -o "$out/bin/make-slice" "$native/tools/make-slice.c"
gcc $flags -o "$out/bin/bench-alloc" "$native/bench/bench-alloc.c" -ldl

# What lies in both libraries; CMakeLists.txt says what is the second one's own, all others are the first's. Only files that name
# the prefix are compiled for each tenant.
both="driver limits loader trampoline"
own=$(sed -n '/^add_library(kerf_nvml/,/)/p' "$interposer/CMakeLists.txt" | grep -o '[a-z-]*\.c' | sed 's/\.c$//' | tr '\n' ' ')
pic="$flags -fPIC -fvisibility=hidden -fno-stack-protector -c"
tenants="a b c"
for source in "$interposer"/*.c "$native"/ledger/*.c; do
  name=$(basename "$source" .c)
  if grep -q KERF_PREFIX "$source" || [ "$name" = driver ]; then
    for tenant in $tenants; do
      gcc $pic -DKERF_PREFIX="\"$out/$tenant\"" -o "$out/work/$tenant-$name.o" "$source"
    done
  else
    gcc $pic -o "$out/work/$name.o" "$source"
    for tenant in $tenants; do ln -f "$out/work/$name.o" "$out/work/$tenant-$name.o"; done
  fi
done

shared() { # tenant library soname sources...
  tenant=$1 library=$2 soname=$3
  shift 3
  gcc -shared -nostartfiles -Wl,--version-script="$interposer/exports.map" -Wl,-z,nodelete -Wl,-z,noexecstack \
    -Wl,--as-needed -Wl,-Bsymbolic -Wl,-soname,"$soname" -o "$out/$tenant/$library" "$@" "$interposer/entry-$machine.S" -lc
}
for tenant in $tenants; do
  mkdir -p "$out/$tenant"
  cuda='' nvml=''
  for object in "$out/work/$tenant"-*.o; do
    name=$(basename "$object" .o)
    name=${name#?-}
    case " $both " in *" $name "*) nvml="$nvml $object" ;; esac
    if [ -e "$native/ledger/$name.c" ]; then nvml="$nvml $object"; fi
    case " $own " in *" $name "*) nvml="$nvml $object" ;; *) cuda="$cuda $object" ;; esac
  done
  # This one alone sends dlopen elsewhere.
  shared "$tenant" libkerf.so libcuda.so.1 -DKERF_WITH_DLOPEN $cuda "$out/work/cuda-trampolines.S"
  shared "$tenant" libkerf-nvml.so libnvidia-ml.so.1 $nvml "$out/work/nvml-trampolines.S"
done
