#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# First process of a node's namespaces: gives it a file system of its own on top of the machine's, then becomes init.
#   node.sh STATE_DIR INIT NODE
set -eu
state=$1 init=$2 node=$3 stage=${4:-outside}
disk=$state/disk/$node
here=$(dirname "$0")

# A cgroup namespace has its root where its first process stands when it is made.
if [ "$stage" = outside ]; then
  . "$here/cgroups.sh"
  enter_own_cgroups "kerf-$(basename "$state")" "$node"
  exec unshare --cgroup sh "$0" "$state" "$init" "$node" inside
fi

mount -n --make-rprivate /
. "$here/cgroups.sh"
mount_own_cgroups

# What is written below these folders stays on the node's disk: /etc/cdi, /var/lib/kerf, /var/log/pods, /opt/kerf …
for folder in etc var opt; do
  mkdir -p "$disk/$folder/upper" "$disk/$folder/work"
  mount -n -t overlay overlay \
    -o "lowerdir=/$folder,upperdir=$disk/$folder/upper,workdir=$disk/$folder/work" "/$folder"
done

# containerd's snapshots are overlays themselves and cannot lie on one; kubelet wants a mount point.
for folder in kubelet containerd cni kerf; do
  mkdir -p "$disk/lib/$folder" "/var/lib/$folder"
  mount -n --bind "$disk/lib/$folder" "/var/lib/$folder"
done
mkdir -p /etc/cdi /opt/kerf

# /run is empty after a reboot; the cluster's state and disks stay in sight.
mkdir -p "$disk/run"
mount -n -t tmpfs -o mode=755 tmpfs "$disk/run"
mkdir -p "$disk/run${state#/run}" "$disk/run/lock" "$disk/run/cdi" "$disk/run/netns"
mount -n --bind "$state" "$disk/run${state#/run}"
mount -n --bind "$state/disk" "$disk/run${state#/run}/disk"
mount -n --move "$disk/run" /run
mount -n -t tmpfs -o mode=1777 tmpfs /dev/shm

# Pods may ask for mount propagation.
mount -n --make-rshared /

touch "$state/node-$node.ready"
exec "$init"
