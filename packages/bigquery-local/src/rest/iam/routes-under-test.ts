// For tests: the routes of identities on a real HTTP server, with the authenticator and
// the access decision that the product uses and nothing of BigQuery.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fastify from 'fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { createAccessControl } from '../../access/access-control.ts';
import { accessDenied } from '../../access/denied.ts';
import type { Permission, Principal, Resource } from '../../access/decision.ts';
import { createAuthenticator } from '../../auth/authenticator.ts';
import { createPolicyReader, IDENTITY_MIGRATIONS, openIdentity } from '../../auth/identity.ts';
import type { Identity } from '../../auth/identity.ts';
import { principalFor, requireScope } from '../../auth/scopes.ts';
import { challengeOf } from '../../auth/unauthenticated.ts';
import { CATALOG_FILE } from '../../auth/data-directory.ts';
import { issueUserToken } from '../../auth/user-token.ts';
import { BigQueryError } from '../../bigquery-error.ts';
import { CatalogDatabase } from '../../catalog/database.ts';
import { directoryRoutes } from '../directory/routes.ts';
import { iamCredentialsRoutes } from '../iam-credentials/routes.ts';
import { oauth2Routes } from '../oauth2/routes.ts';
import { resourceManagerRoutes } from '../resource-manager/routes.ts';
import { Answer } from '../route.ts';
import type { RequestContext, Route } from '../route.ts';
import { iamRoutes } from './routes.ts';

export type Reply = {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
};

export class RoutesUnderTest implements AsyncDisposable {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'sluice-identity-'));
  readonly identity: Identity;
  readonly #db: CatalogDatabase;
  readonly #app = fastify();
  #url = '';

  constructor(extraRoutes: readonly Route[] = []) {
    this.#db = new CatalogDatabase(join(this.dataDir, CATALOG_FILE), IDENTITY_MIGRATIONS);
    this.identity = openIdentity(this.#db, this.dataDir);
    const access = createAccessControl(createPolicyReader(this.identity, { datasetAccess: () => undefined }));
    const authenticator = createAuthenticator({ identity: this.identity });
    const { identity } = this;
    this.#app.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string' },
      (_request, text, done) => {
        done(null, Object.fromEntries(new URLSearchParams(String(text))));
      },
    );
    this.#app.setErrorHandler(sendError);
    for (const route of [
      ...iamRoutes(identity),
      ...iamCredentialsRoutes(identity),
      ...directoryRoutes(identity),
      ...resourceManagerRoutes(identity),
      ...oauth2Routes(identity),
      ...extraRoutes,
    ]) {
      this.#app.route({
        method: route.method,
        url: route.path,
        handler: async (request, reply) => {
          const baseUrl = `http://${request.headers.host ?? ''}`;
          let principal: Principal = { kind: 'user', email: 'nobody' };
          if (route.public !== true) {
            const authentication = await authenticator.authenticate(request.headers.authorization, new Date(), baseUrl);
            requireScope(authentication, route.operation);
            principal = principalFor(authentication, route.operation);
          }
          let decided = route.public === true || route.signedIn === true;
          const may = (permission: Permission, resource: Resource) => {
            decided = true;
            return access.decide(principal, permission, resource).allowed;
          };
          const answer = (await route.handle(contextOf(request, principal, baseUrl, may))) ?? {};
          if (!decided) throw new Error(`${route.operation} answered without a decision`);
          if (!(answer instanceof Answer)) return answer;
          return reply.code(answer.status).headers(answer.headers).send(answer.body);
        },
      });
    }
  }

  async start(): Promise<string> {
    this.#url = await this.#app.listen({ port: 0, host: '127.0.0.1' });
    return this.#url;
  }

  userToken(email: string): Promise<string> {
    return issueUserToken({ dataDir: this.dataDir, email });
  }

  async call(
    method: string,
    path: string,
    options: { readonly token?: string; readonly body?: unknown; readonly form?: Record<string, string> } = {},
  ): Promise<Reply> {
    const headers: Record<string, string> = {};
    if (options.token !== undefined) headers['authorization'] = `Bearer ${options.token}`;
    if (options.body !== undefined) headers['content-type'] = 'application/json';
    const body = options.form === undefined ? JSON.stringify(options.body) : new URLSearchParams(options.form);
    const response = await fetch(this.#url + path, {
      method,
      headers,
      signal: AbortSignal.timeout(10_000),
      ...(body === undefined ? {} : { body }),
    });
    return {
      status: response.status,
      body: (await response.json()) as Record<string, unknown>,
      headers: response.headers,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#app.close();
    this.#db[Symbol.dispose]();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

/** The message of an error answer. */
export function messageOf(reply: Reply): string {
  return (reply.body['error'] as { readonly message: string }).message;
}

function contextOf(
  request: FastifyRequest,
  principal: Principal,
  baseUrl: string,
  may: (permission: Permission, resource: Resource) => boolean,
): RequestContext {
  return {
    principal,
    params: request.params as Record<string, string>,
    query: request.query as Record<string, string>,
    body: (request.body ?? {}) as Record<string, unknown>,
    headers: request.headers as Record<string, string>,
    baseUrl,
    signal: AbortSignal.timeout(10_000),
    may,
    authorize(permission, resource) {
      if (!may(permission, resource)) throw accessDenied(permission, resource);
    },
  };
}

async function sendError(error: unknown, _request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  if (!(error instanceof BigQueryError)) throw error;
  if (error.httpStatus === 401) void reply.header('www-authenticate', challengeOf(error));
  return reply.code(error.httpStatus).send({
    error: {
      code: error.httpStatus,
      message: error.message,
      errors: [{ reason: error.reason }],
      details: error.options.details,
    },
  });
}
