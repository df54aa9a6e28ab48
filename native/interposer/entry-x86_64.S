# SPDX-License-Identifier: Apache-2.0
# Where machine code is needed: a first call through a trampoline, and a dlopen that keeps its caller.

.text

# Stack at entry: index of the trampoline, return address of the caller. All argument registers are kept.
.globl trampoline_first
.hidden trampoline_first
.type trampoline_first, @function
trampoline_first:
  pushq %rax
  pushq %rdi
  pushq %rsi
  pushq %rdx
  pushq %rcx
  pushq %r8
  pushq %r9
  subq $136, %rsp
  movups %xmm0, (%rsp)
  movups %xmm1, 16(%rsp)
  movups %xmm2, 32(%rsp)
  movups %xmm3, 48(%rsp)
  movups %xmm4, 64(%rsp)
  movups %xmm5, 80(%rsp)
  movups %xmm6, 96(%rsp)
  movups %xmm7, 112(%rsp)
  movq 192(%rsp), %rdi
  call trampoline_resolve
  movq %rax, %r11
  movups (%rsp), %xmm0
  movups 16(%rsp), %xmm1
  movups 32(%rsp), %xmm2
  movups 48(%rsp), %xmm3
  movups 64(%rsp), %xmm4
  movups 80(%rsp), %xmm5
  movups 96(%rsp), %xmm6
  movups 112(%rsp), %xmm7
  addq $136, %rsp
  popq %r9
  popq %r8
  popq %rcx
  popq %rdx
  popq %rsi
  popq %rdi
  popq %rax
  addq $8, %rsp
  jmp *%r11
.size trampoline_first, .-trampoline_first

#ifdef KERF_WITH_DLOPEN
# glibc tells by the return address who called dlopen (for RUNPATH, $ORIGIN and the namespace), so we must jump
# to the real one and never call it.
.globl dlopen
.type dlopen, @function
dlopen:
  pushq %rsi
  subq $16, %rsp
  movq %rsp, %rsi
  call loader_route
  movq (%rsp), %r11
  movq %rax, %rdi
  addq $16, %rsp
  popq %rsi
  jmp *%r11
.size dlopen, .-dlopen
#endif

.section .note.GNU-stack,"",@progbits
