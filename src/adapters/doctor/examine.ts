// SPDX-License-Identifier: Apache-2.0
import { type Check, fail, type Finding, type Places, reasonOf } from './check.js';
import { driver, library } from './driver.js';
import { cdiFolder, cdiSpec, runtime, stateFolder } from './handover.js';
import { cgroups, clock, kubelet, permissions } from './node.js';
import { otherPlugin, visibleDevices } from './strangers.js';

/** The list, in the order it is told; docs/doctor.md is held to it. */
export const CHECKS: readonly Check[] = [
  ...[driver, library, cdiFolder, cdiSpec, runtime, kubelet, stateFolder, permissions, clock, cgroups],
  ...[visibleDevices, otherPlugin],
];

export type Examined = Finding & { readonly check: string };

/** All checks at once; none changes anything. */
export function examine(places: Places, checks: readonly Check[] = CHECKS): Promise<readonly Examined[]> {
  return Promise.all(
    checks.map(async (check) => {
      try {
        return { check: check.name, ...(await check.look(places)) };
      } catch (fault) {
        return { check: check.name, ...fail(reasonOf(fault), 'look at it by hand') };
      }
    }),
  );
}
