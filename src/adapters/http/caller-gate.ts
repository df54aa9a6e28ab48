// SPDX-License-Identifier: Apache-2.0
// Pages for callers whom the API server knows and lets: as kube-rbac-proxy does it, with a bearer token and a rule
// about the path (nonResourceURLs). Whatever comes behind the gate is asked for, also a page that does not exist.
import { type NextFunction, type Request, type Response, Router } from 'express';

/** What is wished: an HTTP method in lower case, and the path as it was written. */
export interface Wish {
  readonly verb: string;
  readonly path: string;
}

/**
 * unknown: nobody's token. forbidden: somebody's, and no rule lets him. busy: too many ask at once, nobody was asked.
 */
export type Verdict =
  | { readonly kind: 'allowed' | 'forbidden'; readonly user: string }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'busy' };

export interface CallerGate {
  /** Throws a Fault where nobody can tell. */
  judge(token: string, wish: Wish): Promise<Verdict>;
}

export interface GateOptions {
  readonly gate: CallerGate;
  readonly onFault?: (fault: unknown) => void;
}

/** The pages, for callers that the gate lets through; to all others one sentence. */
export function behindGate(pages: Router, options: GateOptions): Router {
  const router = Router();
  router.use((request: Request, response: Response, next: NextFunction) => {
    void admit(request, response, options).then((isAdmitted) => {
      if (isAdmitted) next();
    });
  });
  router.use(pages);
  return router;
}

/** Base64, base64url and the separators between their parts, as RFC 6750 has it. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

async function admit(request: Request, response: Response, options: GateOptions): Promise<boolean> {
  response.setHeader('cache-control', 'no-store');
  const wish = { verb: request.method.toLowerCase(), path: request.baseUrl + request.path };
  const [, token] = BEARER.exec(request.headers.authorization ?? '') ?? [];
  if (token === undefined) return refuse(response, 401, `${wish.path} wants Authorization: Bearer TOKEN`);
  try {
    return answer(response, wish, await options.gate.judge(token, wish));
  } catch (fault) {
    options.onFault?.(fault);
    return refuse(response, 503, 'the API server cannot be asked who you are: try again');
  }
}

function answer(response: Response, { verb, path }: Wish, verdict: Verdict): boolean {
  if (verdict.kind === 'allowed') return true;
  if (verdict.kind === 'unknown') return refuse(response, 401, 'the API server does not know this token');
  if (verdict.kind === 'busy')
    return refuse(response, 429, 'too many callers at once: try again in a second');
  const sentence = `user ${JSON.stringify(verdict.user)} may not ${verb} ${path}: want a ClusterRole with this nonResourceURL`;
  return refuse(response, 403, sentence);
}

function refuse(response: Response, status: number, error: string): false {
  if (status === 401) response.setHeader('www-authenticate', 'Bearer realm="kerf"');
  if (status === 429) response.setHeader('retry-after', '1');
  response.status(status).json({ error });
  return false;
}
