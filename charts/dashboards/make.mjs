// SPDX-License-Identifier: Apache-2.0
// `npm run dashboards`: the boards of this folder as Grafana reads them, into charts/kerf/dashboards. A test holds the
// two together; Prometheus answers every question of every panel in test/e2e/t-prometheus.test.ts.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cluster } from './cluster.mjs';
import { node } from './node.mjs';
import { scheduler } from './scheduler.mjs';
import { slices } from './slices.mjs';

const BOARDS = { cluster, node, slices, scheduler };
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
/** Grafana's grid is 24 wide. */
const SIZES = { stat: { w: 6, h: 4 }, timeseries: { w: 12, h: 8 }, table: { w: 24, h: 9 } };

/** Panels from left to right, a new line where the row is full. */
function laidOut(panels) {
  let x = 0;
  let y = 0;
  let tallest = 0;
  return panels.map((panel, index) => {
    const { w, h } = SIZES[panel.type];
    if (x + w > 24) {
      x = 0;
      y += tallest;
      tallest = 0;
    }
    const made = panelOf(panel, index + 1, { x, y, w, h });
    x += w;
    tallest = Math.max(tallest, h);
    return made;
  });
}

function panelOf({ type, title, help, unit, ask, max }, id, gridPos) {
  const isTable = type === 'table';
  return {
    id,
    type,
    title,
    description: help,
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: {
      defaults: { unit, min: 0, ...(max === undefined ? {} : { max }) },
      overrides: [],
    },
    targets: Object.entries(ask).map(([legend, expr], at) => ({
      refId: String.fromCharCode(65 + at),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      ...(isTable ? { format: 'table', instant: true } : {}),
    })),
    ...(isTable ? { transformations: [{ id: 'merge', options: {} }] } : {}),
  };
}

const SOURCE = { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' };

/** A choice of what is there; all of it at first. `of` is the series whose labels are offered. */
const choice = ([name, of]) => ({
  name,
  type: 'query',
  datasource: DATASOURCE,
  query: { query: `label_values(${of}, ${name})`, refId: name },
  refresh: 2,
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { text: 'All', value: '$__all' },
});

export function dashboardOf(name, { title, choices = {}, panels }) {
  return {
    uid: `kerf-${name}`,
    title: `Kerf / ${title}`,
    tags: ['kerf'],
    schemaVersion: 38,
    editable: true,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    templating: { list: [SOURCE, ...Object.entries(choices).map(choice)] },
    links: [{ type: 'dashboards', tags: ['kerf'], title: 'Kerf', asDropdown: true, keepTime: true }],
    panels: laidOut(panels),
  };
}

/** File name → its text. */
export const dashboards = () =>
  Object.fromEntries(
    Object.entries(BOARDS).map(([name, board]) => [
      `${name}.json`,
      `${JSON.stringify(dashboardOf(name, board), null, 2)}\n`,
    ]),
  );

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'kerf', 'dashboards');
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of Object.entries(dashboards())) writeFileSync(join(folder, file), text);
}
