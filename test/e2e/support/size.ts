// SPDX-License-Identifier: Apache-2.0

interface Size {
  /** Pods created at once for one node. */
  readonly burst: number;
  /** Slices a device may carry. */
  readonly splits: number;
  /** Random instants at which a program of ours is killed. */
  readonly kills: number;
  readonly idleSeconds: number;
}

const SHORT: Size = { burst: 60, splits: 10, kills: 20, idleSeconds: 180 };
const LONG: Size = { burst: 500, splits: 100, kills: 100, idleSeconds: 600 };

const chosen = process.env.KERF_LONG === '1' ? LONG : SHORT;

/** How much the journeys do: few in CI, many in `npm run test:long`; single figures by env for people. */
export const SIZE: Size = {
  ...chosen,
  burst: Number(process.env.KERF_BURST ?? chosen.burst),
  kills: Number(process.env.KERF_KILLS ?? chosen.kills),
  idleSeconds: Number(process.env.KERF_IDLE_SECONDS ?? chosen.idleSeconds),
};
