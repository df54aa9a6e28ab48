#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# classify.sh cuda|nvml: prints the symbols that are jumps, one a line, sorted. Every symbol that native/symbols knows has
# to have a hook (hooks.def) or to stand in a group (cuda.names), with a reason; who stands nowhere, or in both, ends the
# build.
set -eu
cd "$(dirname "$0")"
side=$1
hooks=hooks.def
prefix=cu
if [ "$side" = nvml ]; then
  hooks=nvml-hooks.def
  prefix=nvml
fi
LC_ALL=C awk -v side="$side" -v hooks="$hooks" -v prefix="$prefix" '
  function wrong(text) { print "classify.sh: " text >"/dev/stderr"; failed = 1 }
  /^#/ || /^\/\// || /^$/ { next }
  FILENAME ~ /\.tsv$/ { if (index($1, prefix) == 1) known[$1] = FILENAME ~ /observed/ ? "observed.tsv" : "CUDA " $(NF) / 1000; next }
  FILENAME ~ /\.def$/ {
    if ($0 !~ /^HOOK\(/) next
    name = $0; sub(/^HOOK\(/, "", name); sub(/,.*/, "", name)
    if (name in hooked) wrong(name " stands twice in " hooks)
    hooked[name] = 1
    next
  }
  /^\[/ {
    group = $0; sub(/\].*/, "]", group)
    if (group ~ /^\[open/) wrong(side ".names: group " group " is open: give it a reason or its symbols a hook")
    if ($0 !~ /\] [^ ]/) wrong(side ".names: group " group " has no reason")
    next
  }
  {
    if (NF != 1 || group == "") wrong(side ".names: \"" $0 "\" is no symbol in a group")
    if ($1 in grouped) wrong($1 " stands in " grouped[$1] " and in " group " of " side ".names")
    grouped[$1] = group
    if ($1 in hooked) wrong($1 " has a hook in " hooks " and stands in " group " of " side ".names: it is one or the other")
    if (group !~ /^\[absent:/) jumps[$1] = 1
  }
  END {
    for (name in known) if (!(name in hooked) && !(name in grouped))
      wrong(name " (" known[name] ") is not classified: give it a HOOK in " hooks " or a group in " side ".names")
    for (name in hooked) if (!(name in known)) wrong(name " of " hooks " is in no header: see native/symbols")
    for (name in grouped) if (!(name in known)) wrong(name " of " side ".names is in no header: see native/symbols")
    if (failed) exit 1
    for (name in jumps) print name | "LC_ALL=C sort"
  }' "../symbols/$side.tsv" ../symbols/observed.tsv "$hooks" "$side.names"
