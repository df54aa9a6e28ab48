// SPDX-License-Identifier: Apache-2.0
// Letter: a namespace's ResourceQuotas as the API server lists them, cut down to what resizes are held to: the limits
// on our vendors' extended resources, which quotas name by `requests.` and the resource.
import type { Quota } from '../core/quota.js';
import { isRecord, parseJson } from './json.js';
import { milliOf, parseQuantity } from './quantity.js';

const PREFIX = 'requests.';

/** Total: what cannot be read is no limit of ours. */
export function readQuotas(text: string): readonly Quota[] {
  const list = parseJson(text);
  const items = isRecord(list) && Array.isArray(list.items) ? (list.items as unknown[]) : [];
  return items.flatMap((item) => {
    const { metadata, spec, status } = isRecord(item) ? item : {};
    const name = isRecord(metadata) ? `${String(metadata.namespace)}/${String(metadata.name)}` : '';
    const hard = amountsOf(spec, 'hard');
    return hard.size === 0 ? [] : [{ name, hard, used: amountsOf(status, 'used') }];
  });
}

/** By resource name. */
function amountsOf(part: unknown, field: string): ReadonlyMap<string, number> {
  const rows = isRecord(part) && isRecord(part[field]) ? Object.entries(part[field]) : [];
  const amounts = new Map<string, number>();
  for (const [key, value] of rows) {
    const quantity = key.startsWith(PREFIX) ? parseQuantity(String(value)) : null;
    if (quantity !== null) amounts.set(key.slice(PREFIX.length), Number(milliOf(quantity)) / 1000);
  }
  return amounts;
}
