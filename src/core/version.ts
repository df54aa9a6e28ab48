// SPDX-License-Identifier: Apache-2.0

/** Of all programs and the library together; a test holds it to package.json. */
export const VERSION = '0.1.0';
