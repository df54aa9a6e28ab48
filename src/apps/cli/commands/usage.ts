// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { complaintText, readPolicy } from '../../../adapters/policy/read.js';
import type { Prices } from '../../../core/policy-document.js';
import { sumUsage, USAGE_KEYS, type UsageKey } from '../../../core/usage-sum.js';
import { decodeBuckets } from '../../../wire/usage-book.js';
import { momentOf } from '../duration.js';
import { type Io, Misused, reasonOf } from '../io.js';
import { openKube } from '../kube.js';
import { askEach, chosenMonitors, type MonitorChoice, monitorOption, whyNobody } from '../monitors.js';
import { policyOf } from '../policy-in-force.js';
import { ledgerCsv, ledgerFrame, ledgerJson } from '../ledger-frame.js';

interface UsageOptions extends MonitorChoice {
  readonly by: UsageKey;
  readonly since: string;
  readonly until?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly policy?: string;
}

const EXAMPLES = `
Examples:
  kerf usage                                   the last 24 hours by namespace
  kerf usage --by workload --since 7d          Deployments, Jobs and pods of their own
  kerf usage --by pod --since 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z --csv > november.csv
  kerf usage --by model --json | jq .total     physical = used + unattributed + idle
  kerf usage --policy prices.yaml              prices of a document that is not in force

Granted GPU time is the share of compute that was asked for (of memory, where none was); used is what ran, as the slice's
own counters tell and the device's time allows. Cost is granted GPU time at \`prices\` of the policy document.
Time is kept in quarters of an hour: the one that --since lies in counts whole.
`;

export function addUsage(program: Command, io: Io): void {
  program
    .command('usage')
    .description('Device time granted and used, added up over pods and nodes, and what it costs.')
    .addOption(new Option('--by <what>', 'a row for each').choices(USAGE_KEYS).default('namespace'))
    .option('--since <when>', 'how long ago (90m, 24h, 7d), or a moment (RFC 3339)', '24h')
    .option('--until <when>', 'the same; default: now')
    .addOption(new Option('--json', 'all of it as JSON, in seconds').conflicts('csv'))
    .option('--csv', 'the rows as CSV, in seconds')
    .option('--policy <file>', 'prices of this policy document, instead of the cluster’s')
    .addOption(monitorOption())
    .addHelpText('after', EXAMPLES)
    .action(async (_options, command: Command) => usage(command.optsWithGlobals<UsageOptions>(), io));
}

async function usage(options: UsageOptions, io: Io): Promise<void> {
  const now = Date.now();
  const sinceMs = momentOf('--since', options.since, now);
  const untilMs = options.until === undefined ? now : momentOf('--until', options.until, now);
  if (sinceMs >= untilMs) throw new Misused('--since lies not before --until: nothing is between them');
  const prices = await pricesOf(options, io);
  const monitors = await chosenMonitors(options, io.env);
  const { answers, silent } = await askEach(
    monitors,
    `/v1/ledger?since=${Math.max(0, sinceMs)}&until=${untilMs}`,
    decodeBuckets,
  );
  if (answers.length === 0) throw new Error(whyNobody(silent));
  const report = { ...sumUsage(answers, options.by, prices), by: options.by, untilMs, silent };
  const currency = prices?.currency ?? '';
  if (options.json === true) return io.out(ledgerJson(report, currency));
  if (options.csv === true) return io.out(ledgerCsv(report));
  io.out(ledgerFrame(report, { currency, hasPrices: prices !== undefined, hasColour: io.hasColour }));
}

/** Where monitors are named by address there may be no cluster to ask. */
async function pricesOf(options: UsageOptions, io: Io): Promise<Prices | undefined> {
  if (options.policy !== undefined) return pricesIn(options.policy);
  const isByAddress = options.monitor.length > 0 || (io.env.KERF_MONITORS ?? '') !== '';
  if (isByAddress && options.kubeconfig === undefined && (io.env.KUBECONFIG ?? '') === '') return undefined;
  return (await policyOf(openKube(options).client)).prices;
}

function pricesIn(file: string): Prices | undefined {
  const document = readPolicy(textOf(file));
  if (document.ok) return document.value.prices;
  throw new Misused(`--policy is ${file}: ${document.error.map(complaintText).join('; ')}`);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (fault) {
    throw new Misused(`--policy is ${file}: it cannot be read: ${reasonOf(fault)}`);
  }
}
