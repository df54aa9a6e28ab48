// SPDX-License-Identifier: Apache-2.0

/** The API server could not be asked, or answered other than well. */
export class KubeFault extends Error {
  /** HTTP status; 0 when there was no answer at all. */
  readonly status: number;
  /** `reason` of the Status object, or a code of ours: `Unreachable`, `NoCredentials`, `Garbage`. */
  readonly code: string;

  constructor(
    what: { readonly status: number; readonly code: string; readonly message: string },
    cause?: unknown,
  ) {
    super(what.message, { cause });
    this.name = 'KubeFault';
    this.status = what.status;
    this.code = what.code;
  }
}

/** Reads a Status object from the body of a refused request. */
export function faultOf(status: number, body: string): KubeFault {
  let reason = '';
  let message = body.slice(0, 300);
  try {
    const told = JSON.parse(body) as { reason?: unknown; message?: unknown };
    if (typeof told.reason === 'string') reason = told.reason;
    if (typeof told.message === 'string') message = told.message;
  } catch {
    // Proxies and overloaded servers answer plain text.
  }
  return new KubeFault({ status, code: reason === '' ? `Http${status}` : reason, message });
}
