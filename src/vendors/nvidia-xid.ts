// SPDX-License-Identifier: Apache-2.0
// NVIDIA's Xid errors and what we make of them. Source of code, words and bucket: NVIDIA, "Analyzing Xid Errors with the
// Xid Catalog", docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html, column "Resolution Bucket (Immediate
// Action)"; read in November 2026. A row whose verdict is not its bucket's says why.
import type { FaultRule, Verdict } from '../core/health.js';

type Bucket =
  | 'IGNORE'
  | 'RESTART_APP'
  | 'RESET_GPU'
  | 'RESTART_BM'
  | 'RESTART_VM'
  | 'UPDATE_SWFW'
  | 'CHECK_MECHANICALS'
  | 'CHECK_UVM'
  | 'CONTACT_SUPPORT'
  | 'WORKFLOW_XID_45'
  | 'WORKFLOW_XID_48'
  | 'WORKFLOW_NVLINK_ERR'
  | 'WORKFLOW_NVLINK5_ERR'
  | 'XID_154'
  | '';

/** RESTART_APP: the program that caused it has ended, the device works: a tenant must not be able to take it from others. */
const VERDICTS: Record<Bucket, Verdict> = {
  IGNORE: 'ignore',
  RESTART_APP: 'ignore',
  WORKFLOW_XID_45: 'ignore',
  RESET_GPU: 'fatal',
  RESTART_BM: 'fatal',
  RESTART_VM: 'fatal',
  CHECK_MECHANICALS: 'fatal',
  WORKFLOW_XID_48: 'fatal',
  WORKFLOW_NVLINK_ERR: 'quarantine',
  WORKFLOW_NVLINK5_ERR: 'quarantine',
  UPDATE_SWFW: 'quarantine',
  CHECK_UVM: 'quarantine',
  CONTACT_SUPPORT: 'quarantine',
  XID_154: 'quarantine',
  '': 'quarantine',
};

export interface XidRow {
  readonly codes: readonly number[];
  readonly text: string;
  readonly bucket: Bucket;
  /** Where it is not the bucket's. */
  readonly verdict?: Verdict;
  readonly why?: string;
}

export const XIDS: readonly XidRow[] = [
  { codes: [8], text: 'GPU stopped processing', bucket: 'RESTART_APP' },
  { codes: [11, 32], text: 'corrupted push buffer stream', bucket: 'RESTART_APP' },
  { codes: [13], text: 'graphics engine exception', bucket: 'RESTART_APP' },
  { codes: [31], text: 'memory page fault', bucket: 'RESTART_APP' },
  { codes: [37, 38], text: 'driver firmware error', bucket: 'IGNORE' },
  {
    codes: [39, 40, 41, 70, 71, 72, 75, 76, 77, 85, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135],
    text: 'copy engine exception',
    bucket: 'RESTART_APP',
  },
  { codes: [43], text: 'stopped processing for a program', bucket: 'IGNORE' },
  { codes: [44], text: 'fault during a context switch', bucket: 'IGNORE' },
  { codes: [45], text: 'cleanup after a program was ended', bucket: 'WORKFLOW_XID_45' },
  { codes: [46], text: 'GPU stopped processing', bucket: 'RESET_GPU' },
  { codes: [48], text: 'double-bit ECC error', bucket: 'WORKFLOW_XID_48' },
  { codes: [54], text: 'auxiliary power is not connected', bucket: 'CHECK_MECHANICALS' },
  { codes: [60], text: 'video processor exception', bucket: 'RESTART_APP' },
  { codes: [62], text: 'micro-controller halt', bucket: 'RESET_GPU' },
  { codes: [63], text: 'memory row remapped', bucket: 'IGNORE' },
  { codes: [64], text: 'memory row could not be remapped', bucket: 'RESET_GPU' },
  { codes: [66, 67], text: 'illegal access by the driver', bucket: 'IGNORE' },
  { codes: [68, 83, 84, 88, 89, 96, 97, 98], text: 'video decoder exception', bucket: 'RESTART_APP' },
  { codes: [69], text: 'graphics engine class error', bucket: 'RESTART_APP' },
  { codes: [74], text: 'NVLink error', bucket: 'WORKFLOW_NVLINK_ERR' },
  { codes: [78], text: 'vGPU start error', bucket: 'UPDATE_SWFW' },
  { codes: [79], text: 'GPU has fallen off the bus', bucket: 'RESTART_BM' },
  { codes: [80], text: 'corrupted data sent to the GPU', bucket: 'RESTART_APP' },
  {
    codes: [82, 99, 100, 101, 102, 103, 104, 105],
    text: 'JPEG engine error',
    bucket: 'RESTART_APP',
  },
  { codes: [86, 139], text: 'optical flow engine error', bucket: 'RESTART_APP' },
  { codes: [92], text: 'many single-bit ECC errors', bucket: 'IGNORE' },
  { codes: [93], text: 'InfoROM wear limit', bucket: 'IGNORE' },
  { codes: [94], text: 'contained memory error', bucket: 'RESTART_APP' },
  { codes: [95], text: 'uncontained memory error', bucket: 'RESET_GPU' },
  { codes: [106, 107], text: 'test message', bucket: 'IGNORE' },
  { codes: [108], text: 'remote NVLink translation error', bucket: 'IGNORE' },
  {
    codes: [109],
    text: 'context switch timeout',
    bucket: 'RESET_GPU',
    verdict: 'quarantine',
    why: "a tenant's kernel may cause it, and NVIDIA's own device plugin ignores it: a pause and a look, no end",
  },
  { codes: [110], text: 'security fault', bucket: 'RESET_GPU' },
  { codes: [119], text: 'GSP does not answer', bucket: 'RESET_GPU' },
  { codes: [120], text: 'GSP error', bucket: 'RESET_GPU' },
  { codes: [121], text: 'corrected errors on the link to the CPU', bucket: 'IGNORE' },
  { codes: [136], text: 'link training failed', bucket: 'RESET_GPU' },
  { codes: [137], text: 'NVLink privilege error', bucket: 'IGNORE' },
  { codes: [140], text: 'unrecovered ECC error', bucket: 'RESET_GPU' },
  { codes: [141], text: 'CUDA fast path error', bucket: 'IGNORE' },
  { codes: [142], text: 'video encoder error', bucket: 'CONTACT_SUPPORT' },
  { codes: [143], text: 'GPU could not be initialised', bucket: 'RESET_GPU' },
  { codes: [144, 145, 146, 147, 148, 149, 150], text: 'NVLink error', bucket: 'WORKFLOW_NVLINK5_ERR' },
  { codes: [151], text: 'key rotation error', bucket: 'RESTART_VM' },
  { codes: [152, 153], text: 'DLA error', bucket: 'IGNORE' },
  { codes: [154], text: 'another action is needed for recovery', bucket: 'XID_154' },
  {
    codes: [155],
    text: 'NVLink went down',
    bucket: 'RESET_GPU',
    verdict: 'quarantine',
    why: 'it also tells links that were put to sleep on purpose',
  },
  { codes: [156], text: 'parts of the GPU were retired', bucket: 'RESET_GPU' },
  { codes: [157], text: 'a part could not be retired', bucket: 'IGNORE' },
  { codes: [158], text: 'fatal timeout', bucket: 'RESET_GPU' },
  { codes: [159], text: 'error on the link to the CPU', bucket: 'CHECK_UVM' },
  { codes: [160, 161], text: 'memory channel retirement', bucket: 'IGNORE' },
  {
    codes: [162, 163, 164, 165],
    text: 'power smoothing changed',
    bucket: '',
    verdict: 'ignore',
    why: 'the catalogue gives no bucket and says that no reset is required',
  },
  { codes: [167], text: 'fatal timeout of the bus', bucket: '' },
  { codes: [168], text: 'less memory than there was', bucket: '' },
  { codes: [169], text: 'micro-controller halt', bucket: '' },
  { codes: [171, 172], text: 'details of an uncorrectable memory error', bucket: '' },
];

const RULES = new Map<number, FaultRule>(
  XIDS.flatMap(({ codes, text, bucket, verdict }) =>
    codes.map((code) => [code, { verdict: verdict ?? VERDICTS[bucket], text: `XID ${code}: ${text}` }]),
  ),
);

/** One that the catalogue does not know, or calls unused, is looked at again after a pause: it may mean anything. */
export function xidRule(code: number): FaultRule {
  return RULES.get(code) ?? { verdict: 'quarantine', text: `XID ${code}, which we do not know` };
}

/** NVML's own event of an uncorrectable error, beside Xid 48. */
export const DOUBLE_BIT_ECC: FaultRule = { verdict: 'fatal', text: 'double-bit ECC error' };
