#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# First process of a cluster's namespaces: makes its /run, its disk and its network, then becomes the init program.
#   namespace.sh STATE_DIR INIT NODE_ADDRESSES...
set -eu
state=$1 init=$2
shift 2

mount -n --make-rprivate /

# A /run of its own in which only this cluster's state folder is visible.
mkdir -p "$state/run" "$state/disk"
mount -n -t tmpfs -o mode=755 tmpfs "$state/run"
mkdir -p "$state/run${state#/run}"
mount -n --bind "$state" "$state/run${state#/run}"
mount -n --move "$state/run" /run

# Disks of the nodes and of etcd: they outlive a node, not the cluster.
mount -n -t tmpfs -o mode=755 tmpfs "$state/disk"

ip link set lo up
ip link add kerf0 type bridge
for address in "$@"; do
  ip addr add "$address/24" dev kerf0
done
ip link set kerf0 up
ip route add default dev kerf0
echo 1 >/proc/sys/net/ipv4/ip_forward

touch "$state/namespace.ready"
exec "$init"
