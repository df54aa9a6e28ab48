// SPDX-License-Identifier: Apache-2.0
// Outcomes of rounds in, rows out.
import type { Row } from '../report.js';
import { median } from '../walk/statistics.js';
import type { Contact } from './contact.js';
import { type Counted, KINDS, type Kind } from './kinds.js';
import type { Outcome } from './round.js';

export type Rounds = Readonly<Record<Kind, Outcome[]>>;

const LEAST_RATIO = 0.75;

const NAMES: Readonly<Record<Kind, string>> = {
  bare: 'kube-scheduler alone',
  'do-nothing': 'with a do-nothing extender',
  kerf: 'with Kerf',
};

export function sizeRows(nodes: number, rounds: Rounds): readonly Row[] {
  const rates = KINDS.flatMap((kind) => {
    const values = rounds[kind].map(({ rate }) => rate);
    return [...spread(`${nodes} nodes, ${NAMES[kind]}`, values, 'pods/s'), ...coldRow(nodes, kind, rounds)];
  });
  return [
    ...rates,
    ...barred(pairRows(nodes, rounds, ['kerf', 'bare'])),
    ...pairRows(nodes, rounds, ['do-nothing', 'bare']),
    ...pairRows(nodes, rounds, ['kerf', 'do-nothing']),
    ...KINDS.flatMap((kind) => cpuRows(nodes, kind, rounds[kind])),
  ];
}

function coldRow(nodes: number, kind: Kind, rounds: Rounds): readonly Row[] {
  const rates = rounds[kind].map(({ coldRate }) => coldRate).filter((rate) => rate !== null);
  const metric = `${nodes} nodes, ${NAMES[kind]} just started, the pods before these, median`;
  return rates.length === 0 ? [] : [row(metric, median(rates), 'pods/s')];
}

/** The first carries the promise. */
function barred([ratio, ...rest]: readonly Row[]): readonly Row[] {
  if (ratio === undefined) return [];
  return [{ ...ratio, bar: `≥ ${LEAST_RATIO}`, holds: ratio.value >= LEAST_RATIO }, ...rest];
}

/** Round by round: what disturbs the machine for a while disturbs both. */
function pairRows(nodes: number, rounds: Rounds, [kind, to]: readonly [Kind, Kind]): readonly Row[] {
  const ratios = rounds[kind].map(({ rate }, round) => rate / (rounds[to][round] as Outcome).rate);
  return spread(`${nodes} nodes, ${SHORT[kind]} / ${SHORT[to]}`, ratios, '×');
}

const SHORT: Readonly<Record<Kind, string>> = { bare: 'alone', 'do-nothing': 'do-nothing', kerf: 'Kerf' };

function spread(metric: string, values: readonly number[], unit: string): readonly Row[] {
  return [
    row(`${metric}, median of ${values.length}`, median(values), unit),
    row(`${metric}, least`, Math.min(...values), unit),
    row(`${metric}, most`, Math.max(...values), unit),
  ];
}

const PROGRAMS: Readonly<Record<Counted, string>> = {
  scheduler: 'kube-scheduler',
  extender: 'the extender',
  apiServer: 'API server',
  etcd: 'etcd',
};

function cpuRows(nodes: number, kind: Kind, outcomes: readonly Outcome[]): readonly Row[] {
  const sums = outcomes.map(({ cpu }) => Object.values(cpu).reduce((sum, ms) => sum + ms, 0));
  const all = row(`${nodes} nodes, ${NAMES[kind]}: CPU of these programs a pod, median`, median(sums), 'ms');
  const each = (Object.keys(PROGRAMS) as Counted[]).flatMap((program) => {
    const times = outcomes.map(({ cpu }) => cpu[program]).filter((ms) => ms !== undefined);
    const metric = `${nodes} nodes, ${NAMES[kind]}: CPU of ${PROGRAMS[program]} a pod, median`;
    return times.length === 0 ? [] : [row(metric, median(times), 'ms')];
  });
  return [...each, all];
}

/** The third is the policy document: one object. */
const WATCHED = ['nodes', 'pods', 'configmaps'];

/** A list comes in pages of 500. */
export function contactRows(nodes: number, rounds: Rounds): readonly Row[] {
  const contacts = rounds.kerf.map(({ contact }) => contact).filter((contact) => contact !== null);
  const last = contacts.at(-1) as Contact;
  const expected = new Set(WATCHED.flatMap((what) => [`list ${what}`, `watch ${what}`]));
  const others = [...last.requests].filter(([what]) => !expected.has(what));
  const when = `${nodes} nodes, first contact`;
  return [
    row(
      `${when}: start of Kerf's scheduler until it is ready, median`,
      median(contacts.map(({ seconds }) => seconds)),
      's',
    ),
    ...[...expected].map((what) => row(`${when}: requests ${what}`, last.requests.get(what) ?? 0, '')),
    {
      ...row(
        `${when}: all other requests`,
        others.reduce((sum, [, count]) => sum + count, 0),
        '',
      ),
      ...{ bar: '≤ 0', holds: others.length === 0 },
    },
  ];
}

/** Measured once on a like machine with 500 pods, not here. */
export function storedRows(): readonly Row[] {
  return [
    row("HAMi 2.10.0, its chart's log level, client QPS raised (stored)", 11, 'pods/s'),
    row('HAMi 2.10.0, quiet, client QPS raised (stored)', 17, 'pods/s'),
  ];
}

export function row(metric: string, value: number, unit: string): Row {
  return { bench: 'throughput', metric, value, unit, bar: '', holds: null };
}
