// SPDX-License-Identifier: Apache-2.0
// What is allocated while something runs, by V8's sampling profiler: garbage that was collected meanwhile counts too.
import { type HeapProfiler, Session } from 'node:inspector';

/** Bytes between two samples, on average. */
const INTERVAL = 1024;

export interface Allocated {
  readonly bytes: number;
  /** Function that allocated most, and its bytes. */
  readonly most: { readonly where: string; readonly bytes: number };
}

export function allocatedBy(act: () => void): Allocated {
  const session = new Session();
  session.connect();
  const flags = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true };
  session.post('HeapProfiler.startSampling', { samplingInterval: INTERVAL, ...flags });
  act();
  let head: HeapProfiler.SamplingHeapProfileNode | null = null;
  session.post('HeapProfiler.stopSampling', (fault, answer) => {
    if (fault !== null) throw fault;
    head = answer.profile.head;
  });
  session.disconnect();
  if (head === null) throw new Error('bug: the profiler has answered nothing');
  return summed(head);
}

function summed(head: HeapProfiler.SamplingHeapProfileNode): Allocated {
  const bytesBy = new Map<string, number>();
  const walk = ({ callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode): void => {
    const where = callFrame.functionName || '(unnamed)';
    bytesBy.set(where, (bytesBy.get(where) ?? 0) + selfSize);
    children.forEach(walk);
  };
  walk(head);
  const [[where, most] = ['', 0]] = [...bytesBy].sort((a, b) => b[1] - a[1]);
  return {
    bytes: [...bytesBy.values()].reduce((sum, each) => sum + each, 0),
    most: { where, bytes: most },
  };
}
