#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Becomes a program of a node: its processes stand in the node's cgroups, not in those of whoever started them.
#   program.sh FOLDER COMMAND [ARGUMENT...]
for procs in /sys/fs/cgroup/system/cgroup.procs /sys/fs/cgroup/*/system/cgroup.procs; do
  [ -f "$procs" ] && echo $$ >"$procs"
done
cd "$1" || exit 1
shift
exec "$@"
