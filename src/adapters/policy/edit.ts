// SPDX-License-Identifier: Apache-2.0
import { err, ok } from '../../core/result.js';
import type { PolicyEdit } from '../../scheduling/policy.js';
import { POLICY_KEY } from '../../wire/names.js';
import type { PolicyLetter } from '../../wire/policy.js';
import { complaintText, readPolicy } from './read.js';

/** What the watched ConfigMap says now, for whoever keeps the last good document in force. */
export function editOf(letter: PolicyLetter | null): PolicyEdit {
  if (letter === null) return null;
  if (letter.text === null)
    return err([`the ConfigMap has no key ${POLICY_KEY}: want the policy document there`]);
  const read = readPolicy(letter.text);
  return read.ok ? ok(read.value) : err(read.error.map(complaintText));
}
