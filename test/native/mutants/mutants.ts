// SPDX-License-Identifier: Apache-2.0
// Mutants of libkerf: one wrong word each, as a person might write it, and the test that must fail for it.
// `npm run mutants` builds each out of tree and runs that test alone; a mutant that lives is a hole in the tests.

export interface Mutant {
  readonly name: string;
  /** Below native/. */
  readonly file: string;
  /** Stands there once. */
  readonly before: string;
  readonly after: string;
  /** A unit test's program, or a file and the beginning of a title below test/native. */
  readonly caughtBy: string | { readonly file: string; readonly title: string };
  /** Also run by `npm test`, not by `npm run test:long` alone. */
  readonly isQuick?: true;
}

const driver = (title: string): Mutant['caughtBy'] => ({ file: 'injections/driver.test.ts', title });
const process = (title: string): Mutant['caughtBy'] => ({ file: 'injections/process.test.ts', title });
const compute = (title: string): Mutant['caughtBy'] => ({ file: 'injections/compute.test.ts', title });
const region = (title: string): Mutant['caughtBy'] => ({ file: 'injections/region.test.ts', title });
const interposer = (title: string): Mutant['caughtBy'] => ({ file: 'interposer.test.ts', title });
const semantics = interposer('the driver’s own behaviour stays as it is');

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'skip the refund when the driver refuses',
    file: 'interposer/account.c',
    before: '    ledger_refund(&ledger, charge->ledger);\n    return result;',
    after: '    return result;',
    caughtBy: driver('17: the driver refuses after we have reserved malloc'),
    isQuick: true,
  },
  {
    name: 'forget to give back at a free',
    file: 'interposer/hooks-memory.c',
    before:
      'REAL(cuMemFree_v2)(pointer);\n  if (!is_ours) return result;\n  if (result == CUDA_SUCCESS) account_drop(&entry);',
    after: 'REAL(cuMemFree_v2)(pointer);\n  if (!is_ours || result == CUDA_SUCCESS) return result;',
    caughtBy: driver('17: the driver refuses after we have reserved malloc'),
  },
  {
    name: 'forget a pointer whose free failed',
    file: 'interposer/hooks-memory.c',
    before:
      'REAL(cuMemFree_v2)(pointer);\n  if (!is_ours) return result;\n  if (result == CUDA_SUCCESS) account_drop(&entry);\n  else account_keep(&entry);',
    after:
      'REAL(cuMemFree_v2)(pointer);\n  if (!is_ours) return result;\n  if (result == CUDA_SUCCESS) account_drop(&entry);',
    caughtBy: driver('23: an error that stays (Xid) a context that ends'),
  },
  {
    name: 'let a destroyed context keep its charges',
    file: 'interposer/hooks-context.c',
    before: '  if (result == CUDA_SUCCESS) account_drop_left(left);',
    after: '  if (result == CUDA_SUCCESS) (void)left;',
    caughtBy: driver('23: an error that stays (Xid) a context that ends'),
  },
  {
    name: 'release at cuMemRelease, not at the last unmap',
    file: 'interposer/hooks-vmm.c',
    before: 'CUresult held = hold_handle(handle, size);',
    after: 'CUresult held = size == 0 ? hold_handle(handle, size) : CUDA_SUCCESS;',
    caughtBy: semantics,
    isQuick: true,
  },
  {
    name: 'do not count a mapping off at its unmap',
    file: 'interposer/hooks-vmm.c',
    before: '    account_count(mapping.owner, PTRMAP_HANDLE, -1);\n    if (mapping.bytes == 0) return;',
    after: '    if (mapping.bytes == 0) return;',
    caughtBy: semantics,
  },
  {
    name: 'let a reaper and the last holder give back the same',
    file: 'ledger/share.c',
    before:
      '  bool are_held = ledger_hold_reapers(desk->ledger);\n  set_lock(desk->fd, F_UNLCK, place_of(SPACE_HELD, id), 1ull << LOW_BITS);\n  if (!is_taken_again(desk, id) && are_held && is_over(desk, id))',
    after:
      '  set_lock(desk->fd, F_UNLCK, place_of(SPACE_HELD, id), 1ull << LOW_BITS);\n  bool are_held = !is_taken_again(desk, id) && is_over(desk, id) && ledger_hold_reapers(desk->ledger);\n  if (are_held)',
    caughtBy: 'share-test',
  },
  {
    name: 'round down to the granularity',
    file: 'interposer/account.c',
    before: '(bytes + GRAIN - 1) / GRAIN * GRAIN',
    after: 'bytes / GRAIN * GRAIN',
    caughtBy: region('14: odd limits a byte over a granule'),
  },
  {
    name: 'let the last byte of the limit be refused',
    file: 'ledger/ledger.c',
    before: 'charge->bytes > limit_bytes - used',
    after: 'charge->bytes >= limit_bytes - used',
    caughtBy: 'ledger-test',
  },
  {
    name: 'forget that a limit may lie below what is used',
    file: 'ledger/ledger.c',
    before: 'if (used > limit_bytes || charge->bytes',
    after: 'if (charge->bytes',
    caughtBy: region('13: limits that change under a running process below'),
  },
  {
    name: 'check first, add later',
    file: 'ledger/ledger.c',
    before: '  } while (!swap(&device->used_word, &word, next_word(word, used + charge->bytes)));\n  add(',
    after: '  } while (0);\n  add(&device->used_word, charge->bytes);\n  add(',
    caughtBy: 'ledger-test',
  },
  {
    name: 'do not give back what the dead held',
    file: 'ledger/ledger.c',
    before: 'if (bytes > left) subtract_word(',
    after: 'if (bytes < left) subtract_word(',
    caughtBy: 'ledger-test',
  },
  {
    name: 'take a zombie for a living process',
    file: 'ledger/liveness.c',
    before: "fields.state == 'Z' && fields.threads <= 1",
    after: "fields.state == 'X' && fields.threads <= 1",
    caughtBy: 'ledger-test',
  },
  {
    name: 'take a pid that came again for the one that died',
    file: 'ledger/liveness.c',
    before: 'start_ticks != 0 && fields.start_ticks != start_ticks',
    after: 'start_ticks == 0 && fields.start_ticks != start_ticks',
    caughtBy: process('5: a pid that comes again owes'),
  },
  {
    name: 'believe start times across time namespaces',
    file: 'interposer/account.c',
    before:
      '  return ledger_pid_is_dead(slot->pid, 0) || (has_own_file() && !ledger_slot_is_locked(region_fd, index));',
    after: '  return true;',
    caughtBy: region('16: clocks and starved processes a process whose clocks'),
  },
  {
    name: 'let an executed program inherit its former self’s charge',
    file: 'interposer/account.c',
    before: 'if (slot->pid == (uint32_t)getpid()) return slot != ledger.slot;',
    after: 'if (slot->pid == (uint32_t)getpid()) return false;',
    caughtBy: process('4: exec with an empty environment leaves'),
    isQuick: true,
  },
  {
    name: 'let a cancelled thread take a lock along',
    file: 'interposer/driver.h',
    before: 'pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);',
    after: 'pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);',
    caughtBy: process(
      '9: threads that are cancelled, handlers, jumps a thread cancelled at its first way into us (start)',
    ),
  },
  {
    name: 'hand out the driver’s own address',
    file: 'interposer/hooks-proc.c',
    before:
      '  CUresult result = REAL(cuGetProcAddress_v2)(symbol, out, version, flags, status);\n  if (result == CUDA_SUCCESS && out != NULL && *out != NULL) *out = hook_for(*out);',
    after: '  CUresult result = REAL(cuGetProcAddress_v2)(symbol, out, version, flags, status);',
    caughtBy: interposer('every road to the driver cuGetProcAddress'),
  },
  {
    name: 'forget the per-thread form of cuLaunchKernel',
    file: 'interposer/hooks-launch.c',
    before: 'kernel_fn real = REAL(cuLaunchKernel_ptsz);\n  if (!compute_is_limited())',
    after: 'kernel_fn real = REAL(cuLaunchKernel_ptsz);\n  if (real != NULL)',
    caughtBy: compute('30: default streams'),
  },
  {
    name: 'take any device for a granted one',
    file: 'interposer/limits.c',
    before: '      return (int)i;\n  }\n  return -1;',
    after: '      return (int)i;\n  }\n  return 0;',
    caughtBy: interposer('in doubt nothing is given a device whose node'),
  },
  {
    name: 'use a region of any size',
    file: 'interposer/account.c',
    before: 'file.st_size == REGION_BYTES',
    after: 'file.st_size > 0',
    caughtBy: region('11: the region that grew'),
  },
  {
    name: 'do not ask what an array needs, charge nothing',
    file: 'interposer/hooks-array.c',
    before: 'order->charge.is_free_of_charge = (desc->flags & UNBACKED) != 0;',
    after: 'order->charge.is_free_of_charge = true;',
    caughtBy: { file: 'memory.test.ts', title: 'the limit array: to the MiB' },
  },
  {
    name: 'ignore graphs',
    file: 'interposer/hooks-graph.c',
    before: 'if (exec == NULL || !compute_is_limited()) return real(exec, stream);',
    after: 'if (exec != NULL || !compute_is_limited()) return real(exec, stream);',
    caughtBy: compute('26: capture, and graphs that change a graph is work'),
  },
  {
    name: 'fill the bucket at twice the rate',
    file: 'interposer/compute-bucket.c',
    before: 'return more;',
    after: 'return 2 * more;',
    caughtBy: compute('26: capture, and graphs that change a graph is work'),
  },
  {
    name: 'believe an arbiter however long he has been silent',
    file: 'interposer/compute-bucket.c',
    before: 'now_ns - beat <= LIMITS_BEAT_FRESH_NS)',
    after: 'now_ns - beat <= 100 * LIMITS_BEAT_FRESH_NS)',
    caughtBy: compute('12: an arbiter that fell silent is not believed any more'),
  },
  {
    name: 'believe no arbiter at all',
    file: 'interposer/compute-bucket.c',
    before: 'bool is_heard = page->version >= 2 && beat != 0',
    after: 'bool is_heard = page->version > LIMITS_VERSION && beat != 0',
    caughtBy: compute('12: an arbiter that fell silent was believed while it beat'),
  },
  {
    name: 'delay collectives',
    file: 'interposer/compute.c',
    before: 'if (name != NULL && is_collective(name)) key->flags |= COST_FREE;',
    after: 'if (name != NULL && is_collective(name)) key->flags |= COST_NAMED;',
    caughtBy: compute('27: collectives, whose ranks wait for each other on the device are never delayed'),
  },
  {
    name: 'charge a launch that cannot be',
    file: 'interposer/hooks-launch.c',
    before:
      'return shape->function != NULL && grid[0] && grid[1] && grid[2] && block[0] && block[1] && block[2];',
    after: 'return shape->function != NULL && grid != NULL && block != NULL;',
    caughtBy: compute('28: odd grids of nothing'),
  },
  {
    name: 'lose an entry when another is removed',
    file: 'ledger/ptrmap.c',
    before: '< ((at - gap) & mask)) continue;',
    after: '< ((at - gap) & mask)) break;',
    caughtBy: 'ptrmap-test',
  },
];
