# SPDX-License-Identifier: Apache-2.0
# Where machine code is needed: a first call through a trampoline, and a dlopen that keeps its caller.

.text

# Index of the trampoline in w17, return address of the caller in x30. All argument registers are kept, and x8, where
# a caller says where a large result goes.
.globl trampoline_first
.hidden trampoline_first
.type trampoline_first, %function
trampoline_first:
  stp x29, x30, [sp, #-224]!
  mov x29, sp
  stp x0, x1, [sp, #16]
  stp x2, x3, [sp, #32]
  stp x4, x5, [sp, #48]
  stp x6, x7, [sp, #64]
  str x8, [sp, #80]
  stp q0, q1, [sp, #96]
  stp q2, q3, [sp, #128]
  stp q4, q5, [sp, #160]
  stp q6, q7, [sp, #192]
  mov w0, w17
  bl trampoline_resolve
  mov x16, x0
  ldp q6, q7, [sp, #192]
  ldp q4, q5, [sp, #160]
  ldp q2, q3, [sp, #128]
  ldp q0, q1, [sp, #96]
  ldr x8, [sp, #80]
  ldp x6, x7, [sp, #64]
  ldp x4, x5, [sp, #48]
  ldp x2, x3, [sp, #32]
  ldp x0, x1, [sp, #16]
  ldp x29, x30, [sp], #224
  br x16
.size trampoline_first, .-trampoline_first

#ifdef KERF_WITH_DLOPEN
# glibc tells by the return address who called dlopen (for RUNPATH, $ORIGIN and the namespace), so we must jump
# to the real one and never call it.
.globl dlopen
.type dlopen, %function
dlopen:
  stp x29, x30, [sp, #-32]!
  mov x29, sp
  str x1, [sp, #16]
  add x1, sp, #24
  bl loader_route
  ldr x16, [sp, #24]
  ldr x1, [sp, #16]
  ldp x29, x30, [sp], #32
  br x16
.size dlopen, .-dlopen
#endif

.section .note.GNU-stack,"",%progbits
