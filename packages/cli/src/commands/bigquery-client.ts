// Calls of the running local BigQuery's own API for the set-up commands, as a user of it.
// What the API refuses is thrown as an AppError with the API's text.
import path from 'node:path';
import { runningServerUrl, setUpToken } from '@sluice/bigquery-local';
import { AppError } from '@sluice/core';
import type { AppErrorOptions } from '@sluice/core';
import type { Io } from '../io.ts';
import type { GlobalOptions } from './session.ts';

export type SetUpOptions = GlobalOptions & {
  readonly dataDir: string;
  /** Who calls; a user who owns the project when it is left out. */
  readonly as?: string;
};

type Json = Readonly<Record<string, unknown>>;

export type ApiRequest = {
  readonly body?: Json;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the request is about, for errors. */
  readonly where: string;
};

const timeoutMs = 30_000;

export class BigQueryClient {
  readonly url: string;
  readonly #token: string;
  readonly #signal: AbortSignal;

  private constructor(url: string, token: string, signal: AbortSignal) {
    this.url = url;
    this.#token = token;
    this.#signal = signal;
  }

  /** Calls as `--as`, or as an owner of the project. AppError when no server runs on the data directory. */
  static async open(io: Io, options: SetUpOptions, projectId: string): Promise<BigQueryClient> {
    const dataDir = path.resolve(io.cwd, options.dataDir);
    const url = runningServerUrl(dataDir);
    const token = await setUpToken(dataDir, options.as === undefined ? { ownerOf: projectId } : { email: options.as });
    return new BigQueryClient(url, token, io.signal);
  }

  async call(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', pathAndQuery: string, request: ApiRequest): Promise<Json> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.url}${pathAndQuery}`, {
        method,
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...request.headers,
        },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(timeoutMs)]),
      });
      text = await response.text();
    } catch (cause) {
      throw new AppError(`the local BigQuery at ${this.url} does not answer`, {
        code: 'SERVER_UNREACHABLE',
        kind: 'unavailable',
        origin: 'source',
        where: request.where,
        fix: 'Look at the terminal where it runs; start it again if need be.',
        cause,
      });
    }
    if (!response.ok) throw refusal(response.status, text, request.where);
    return text === '' ? {} : (JSON.parse(text) as Json);
  }
}

function refusal(status: number, text: string, where: string): AppError {
  return new AppError(messageIn(text) ?? `the local BigQuery answered with status ${status}`, {
    code: `BIGQUERY_${status}`,
    ...kindOf(status),
    where,
  });
}

function messageIn(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } };
    return typeof error?.message === 'string' ? error.message : undefined;
  } catch {
    return undefined;
  }
}

function kindOf(status: number): Pick<AppErrorOptions, 'kind' | 'fix'> {
  switch (status) {
    case 400:
      return { kind: 'invalid' };
    case 401:
      return { kind: 'unauthenticated' };
    case 403:
      return { kind: 'forbidden', fix: 'Call as somebody who may: --as EMAIL.' };
    case 404:
      return { kind: 'not_found' };
    case 409:
    case 412:
      return { kind: 'conflict' };
    default:
      return { kind: 'unavailable' };
  }
}
