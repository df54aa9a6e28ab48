#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# catalogue.sh rows|functions x86_64|aarch64: native/symbols/cuda.tsv as rows for catalogue.c, or as functions for the assembler.
set -eu
own='^(cuInit|cuDriverGetVersion|cuDeviceGetCount|cuGetProcAddress|cuGetProcAddress_v2)$'
answer='movl $801, %eax; ret'
[ "$2" != aarch64 ] || answer='mov w0, #801; ret'
awk -F '\t' -v what="$1" -v own="$own" -v answer="  $answer" '
  /^#/ { next }
  what == "rows" { print "ROW(" $1 ", \"" $2 "\", " $3 ", " $4 ")" }
  what == "functions" && $1 !~ own {
    print ".text\n.globl " $1 "\n.type " $1 ", %function\n.p2align 4\n" $1 ":\n" answer "\n.size " $1 ", .-" $1
  }' "$(dirname "$0")/../../symbols/cuda.tsv"
[ "$1" = rows ] || echo '.section .note.GNU-stack,"",%progbits'
