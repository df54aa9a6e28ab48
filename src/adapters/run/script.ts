// SPDX-License-Identifier: Apache-2.0
// What runs between `kerf run` and the command, in a mount namespace of its own: puts the slice's files where they lie
// in a container, then becomes the command. POSIX sh and util-linux; nothing of it outlives the namespace.
//
//   $1 slice's folder (its own limits, region, preload, over/)   $2 folder of the libraries   $3 state folder   $4 region
//   $5 root or user   then the command.   Descriptor 3: "ready <mount namespace>", or "fault <sentence>"
//
// Where a place cannot be made on the machine (an ordinary user, a read-only /etc), a read-only overlay adds it. The
// state folder is hidden: the command must not find its own limits there.
export const SCRIPT = String.raw`
set -u
slice=$1 libraries=$2 state=$3 region=$4 who=$5
shift 5
fault() { printf 'fault %s\n' "$1" >&3; exit 125; }
overlay() {
  mount -t overlay -o "lowerdir=$slice/over/$1:/$2" overlay "/$2" 2>/dev/null && return
  fault "there is no $3, and /$2 cannot be overlaid by this user: as root, $4"
}
place() {
  mount --bind "$1" "$2" || fault "$2 cannot be bound"
  [ "$3" = rw ] || mount -o remount,bind,ro "$2" || fault "$2 cannot be made read-only"
}
[ "$who" = user ] || mkdir -p /usr/local/kerf 2>/dev/null
[ -d /usr/local/kerf ] || overlay local usr/local /usr/local/kerf 'mkdir -p /usr/local/kerf'
[ "$who" = user ] || [ -e /etc/ld.so.preload ] || (: >>/etc/ld.so.preload) 2>/dev/null
[ -e /etc/ld.so.preload ] || overlay etc etc /etc/ld.so.preload 'touch /etc/ld.so.preload'
mount -t tmpfs -o mode=0755,nosuid,nodev kerf /usr/local/kerf || fault 'no tmpfs can be mounted'
for file in libkerf.so libkerf-nvml.so; do
  : >/usr/local/kerf/$file
  place "$libraries/$file" /usr/local/kerf/$file ro
done
: >/usr/local/kerf/limits
place "$slice/limits" /usr/local/kerf/limits ro
: >/usr/local/kerf/region
place "$region" /usr/local/kerf/region rw
place "$slice/preload" /etc/ld.so.preload ro
mount -o remount,ro /usr/local/kerf
mount -t tmpfs -o mode=0755,ro kerf "$state" || fault "$state cannot be hidden"
printf 'ready %s\n' "$(readlink /proc/self/ns/mnt)" >&3
exec 3>&-
[ "$who" = root ] || exec setpriv --ambient-caps=-all --inh-caps=-all -- "$@"
exec "$@"
`;
