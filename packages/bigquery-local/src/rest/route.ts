// A REST method as data. Every route is handled through here, so that none can
// answer without an access decision: the server refuses (500) to send the successful
// answer of a handler that asked for none and is not marked `public` or `signedIn`.
import type { Permission, Principal, Resource } from '../access/decision.ts';

export type RequestContext = {
  readonly principal: Principal;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  /** Parsed JSON body; {} when there is none. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** `http://127.0.0.1:1234`, from the Host header; for links and upload URLs. */
  readonly baseUrl: string;
  /** Aborts when the client goes away or the server stops. */
  readonly signal: AbortSignal;
  /** Throws the 403 with BigQuery's text for this permission and resource. */
  authorize(permission: Permission, resource: Resource): void;
  /** The same decision as a boolean, for lists that are filtered. Counts as a decision. */
  may(permission: Permission, resource: Resource): boolean;
};

export type Route = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** fastify path; without `/bigquery/v2`, which is added for the routes of BigQuery. */
  readonly path: string;
  /** `bigquery.datasets.get`: the name in Google's API. */
  readonly operation: string;
  /** No sign-in and no decision: discovery document, token endpoint. */
  readonly public?: true;
  /**
   * Sign-in is enough: Google documents no permission for the method (lists that `may`
   * filters and that can be empty, testIamPermissions, the predefined roles).
   */
  readonly signedIn?: true;
  handle(context: RequestContext): unknown;
};

/** Returned by a handler whose answer is not JSON with status 200 (OAuth's 400s): sent as it is. */
export class Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}
