# SPDX-License-Identifier: Apache-2.0
# A node's own part of the machine's cgroups, as the root of what it sees. Sourced by node.sh.
# Without it, the kubelet of one node would look into the containers of all others.

# mountpoint, type and options of each hierarchy, e.g. "/sys/fs/cgroup/memory cgroup rw,memory"
hierarchies() {
  awk '{ for (i = 7; i < NF; i++) if ($i == "-" && $(i + 1) ~ /^cgroup2?$/) print $5, $(i + 1), $(i + 3) }' \
    /proc/self/mountinfo
}

# An empty cpuset of the old kind takes no process.
inherit_cpuset() {
  [ -f "$1/cgroup.clone_children" ] && [ -f "$1/cpuset.cpus" ] || return 0
  cat "$1/../cpuset.cpus" >"$1/cpuset.cpus"
  cat "$1/../cpuset.mems" >"$1/cpuset.mems"
}

# cgroup v2 gives a child only the controllers that its parent hands on.
hand_on_controllers() {
  [ -f "$1/cgroup.subtree_control" ] || return 0
  for controller in $(cat "$1/cgroup.controllers"); do
    echo "+$controller" >"$1/cgroup.subtree_control" 2>/dev/null || true
  done
}

# enter_own_cgroups CLUSTER NODE
enter_own_cgroups() {
  hierarchies | while read -r root _ _; do
    hand_on_controllers "$root"
    for dir in "$root/$1" "$root/$1/$2" "$root/$1/$2/system"; do
      mkdir -p "$dir"
      inherit_cpuset "$dir"
    done
    hand_on_controllers "$root/$1"
    echo $$ >"$root/$1/$2/cgroup.procs"
  done
}

# Mounts what the cgroup namespace shows, and moves this process into a leaf: v2 wants processes only there.
mount_own_cgroups() {
  all=$(hierarchies)
  umount -n -l -R /sys/fs/cgroup
  case $all in
    "/sys/fs/cgroup cgroup2"*) ;;
    *) mount -n -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup ;;
  esac
  echo "$all" | while read -r root type options; do
    mkdir -p "$root"
    case $options in
      *name=*) options=none,$options ;;
    esac
    mount -n -t "$type" -o "$options" cgroup "$root"
    echo $$ >"$root/system/cgroup.procs"
    hand_on_controllers "$root"
  done
}
