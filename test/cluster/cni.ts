// SPDX-License-Identifier: Apache-2.0
import { podCidrOf } from './addresses.js';

/** Bridge `kbK` of node nK with its own pod subnet; all nodes route for each other, being in one network namespace. */
export function cniConfiguration(node: string): string {
  const bridge = {
    type: 'bridge',
    bridge: `kb${node.slice(1)}`,
    isGateway: true,
    hairpinMode: true, // a pod may reach itself through its service
    ipam: {
      type: 'host-local',
      ranges: [[{ subnet: podCidrOf(node) }]],
      routes: [{ dst: '0.0.0.0/0' }],
    },
  };
  return JSON.stringify({ cniVersion: '1.0.0', name: 'kerf', plugins: [bridge] });
}
