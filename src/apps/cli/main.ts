// SPDX-License-Identifier: Apache-2.0
// Door: the command `kerf` (also `kubectl kerf`). Exit codes: 0 ok, 1 refused or not found, 2 usage, 3 fault.
import { processIo } from './io.js';
import { runCli } from './program.js';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
// `kerf top | head` closes our output early: that is no fault.
process.stdout.on('error', (fault: NodeJS.ErrnoException) => process.exit(fault.code === 'EPIPE' ? 0 : 3));

// Connections to the API server are kept alive; when the command is over they shall not hold us.
process.exit(await runCli(process.argv.slice(2), processIo(stop.signal)));
