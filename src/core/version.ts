// SPDX-License-Identifier: Apache-2.0

/** Of all programs and the library together; a test holds it to package.json. */
export const VERSION = '0.1.0';

/** Put in by esbuild.config.js. */
declare const KERF_REVISION: string | undefined;

/** The commit a program was built from; `unknown` where it runs from its sources. */
export const REVISION: string = typeof KERF_REVISION === 'string' ? KERF_REVISION : 'unknown';
