# SPDX-License-Identifier: Apache-2.0
# One entry for each function of the fake: asks failing_before what to do, with the caller's arguments kept.

/* The two that hand out addresses are C functions, which ask these. */
#define cuGetProcAddress entry_cuGetProcAddress
#define cuGetProcAddress_v2 entry_cuGetProcAddress_v2

#ifndef KERF_NEWEST
#define KERF_NEWEST 99999
#endif

.text

.set failing_index, 0
#define FAKE(symbol, name, since, per_thread) \
  .if (since) <= KERF_NEWEST ; \
  .globl symbol ; .type symbol, @function ; symbol: movl $failing_index, %r11d ; jmp failing_entry ; \
  .endif ; \
  .set failing_index, failing_index + 1 ;
#include "../../fake/exports.def"

.type failing_entry, @function
failing_entry:
  pushq %rdi
  pushq %rsi
  pushq %rdx
  pushq %rcx
  pushq %r8
  pushq %r9
  pushq %r11
  movl %r11d, %edi
  call failing_before@PLT
  popq %r11
  popq %r9
  popq %r8
  popq %rcx
  popq %rdx
  popq %rsi
  popq %rdi
  testq %rax, %rax
  jz 1f
  btq $33, %rax
  jc 2f
  ret
1:
  movq failing_reals@GOTPCREL(%rip), %rax
  jmp *(%rax,%r11,8)
2: /* ask the fake as a call, with up to eight words of arguments on the stack, then do what is due */
  pushq %rbx
  movl %eax, %ebx
  subq $64, %rsp
  .irp at, 0, 8, 16, 24, 32, 40, 48, 56
  movq 80+\at(%rsp), %rax
  movq %rax, \at(%rsp)
  .endr
  movq failing_reals@GOTPCREL(%rip), %rax
  call *(%rax,%r11,8)
  addq $64, %rsp
  movl %ebx, %edi
  movl %eax, %esi
  call failing_after@PLT
  popq %rbx
  ret
.size failing_entry, .-failing_entry

.section .note.GNU-stack,"",@progbits
