#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# in-slice.sh SLICE MACHINE [--cover FOLDER] [--user UID] COMMAND... — runs a command as in a container that was given a slice, without a
# container: private mounts put the slice's files where they lie in a container. Needs root.
#
#   SLICE    folder with limits, region, preload, ld.so.cache, dev/, announce/ and the two libraries (any may be missing)
#   MACHINE  folder made by kerf-fake-gpus
#   --cover  no preload: our libraries lie over the driver's own files in FOLDER, and those beside us in kerf/driver
set -eu
if [ "${KERF_IN_SLICE:-}" != 1 ]; then
  KERF_IN_SLICE=1 exec unshare --mount --propagation private sh "$0" "$@"
fi
unset KERF_IN_SLICE
slice=$(cd "$1" && pwd)
machine=$(cd "$2" && pwd)
shift 2
cover=
if [ "$1" = --cover ]; then
  cover=$2
  shift 2
fi
uid=0
if [ "$1" = --user ]; then
  uid=$2
  shift 2
fi

place() {
  [ -e "$1" ] || return 0
  : >"$2"
  mount --bind "$1" "$2"
  [ "$3" = rw ] || mount -o remount,bind,ro "$2"
}

stage=$slice/.stage
mkdir -p "$stage/slice" "$stage/machine"
mount --bind "$slice" "$stage/slice"
mount --bind "$machine" "$stage/machine"

mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/kerf-fake /run/kerf-fake-dev
mount --bind "$stage/machine" /run/kerf-fake
[ ! -d "$stage/slice/dev" ] || mount --bind "$stage/slice/dev" /run/kerf-fake-dev

mount -t tmpfs -o mode=0755 tmpfs /usr/local
mkdir /usr/local/kerf
for file in libkerf.so libkerf-nvml.so limits; do place "$stage/slice/$file" "/usr/local/kerf/$file" ro; done
place "$stage/slice/region" /usr/local/kerf/region rw
if [ -d "$stage/slice/announce" ]; then
  mkdir /usr/local/kerf/announce
  mount --bind "$stage/slice/announce" /usr/local/kerf/announce
  mount -o remount,bind,ro /usr/local/kerf/announce
fi

# cover NAME SHIM: who opens the driver's file NAME, by whatever path and in whatever namespace, gets SHIM.
cover() {
  : >"/usr/local/kerf/driver/$1"
  mount --bind "$cover/$1" "/usr/local/kerf/driver/$1"
  mount --bind "/usr/local/kerf/$2" "$cover/$1"
}

if [ -n "$cover" ]; then
  mkdir /usr/local/kerf/driver
  cover libcuda.so.1 libkerf.so
  cover libnvidia-ml.so.1 libkerf-nvml.so
fi

# The rest of /etc is not needed, and an image may have little of it.
etc=$stage/etc
mkdir -p "$etc"
mount -t tmpfs -o mode=0755 tmpfs "$etc"
cp /etc/passwd /etc/group "$etc/"
cp "$stage/slice/ld.so.cache" "$etc/ld.so.cache"
[ -n "$cover" ] || [ ! -e "$stage/slice/preload" ] || cp "$stage/slice/preload" "$etc/ld.so.preload"
export KERF_FAKE_DEV_DIR="${KERF_FAKE_DEV_DIR:-/run/kerf-fake-dev}"
unset KERF_FAKE_DIR
mount --bind "$etc" /etc
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"
