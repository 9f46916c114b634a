// The HTTP server: turns routes-as-data into fastify handlers. For every request it
// finds out who calls, checks the token's scopes, and sends a successful answer only if
// the handler asked for an access decision (or the route is public).
import { createGunzip } from 'node:zlib';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { AccessControl, Permission, Principal, Resource } from '../access/decision.ts';
import { accessDenied } from '../access/denied.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import { principalFor, requireScope } from '../auth/scopes.ts';
import { challengeOf } from '../auth/unauthenticated.ts';
import { BigQueryError } from '../bigquery-error.ts';
import type { CloudStorage } from '../cloud-storage/cloud-storage.ts';
import { errorEnvelope, presentable } from './error-envelope.ts';
import { sendAnswer, type OpenContext, type OpenRequest } from './answer.ts';
import type { RequestContext, Route } from './route.ts';
import type { ServerLog } from './server-log.ts';
import { registerCloudStorage } from './cloud-storage/register.ts';
import { registerUploads, type UploadServices } from './uploads/routes.ts';

/** BigQuery's own limit of a request body is 10 MB (insertAll); metadata is far smaller. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

export type RestServerOptions = {
  readonly access: AccessControl;
  /** Is told for which method decisions are made. */
  readonly audit: Pick<AuditLog, 'during'>;
  readonly authenticator: Authenticator;
  /** Served with the prefix `/bigquery/v2` and without. */
  readonly bigqueryRoutes: readonly Route[];
  /** Served under their own paths. */
  readonly otherRoutes: readonly Route[];
  readonly uploads: Omit<UploadServices, 'audit'>;
  /** Left out: no Cloud Storage is served. */
  readonly cloudStorage?: CloudStorage;
  readonly log: ServerLog;
  /** Aborts when the server stops. */
  readonly stopping: AbortSignal;
};

export async function createRestServer(options: RestServerOptions): Promise<FastifyInstance> {
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true,
    // Big uploads take long; an idle socket is closed by the connection time-out.
    requestTimeout: 6 * 60 * 60 * 1000,
    connectionTimeout: 15 * 60 * 1000,
    keepAliveTimeout: 60_000,
    // An object's name has up to 1,024 bytes, each of which may be written with three.
    routerOptions: { maxParamLength: 3_200, ignoreTrailingSlash: true },
    exposeHeadRoutes: false,
  });
  app.server.headersTimeout = 60_000;
  addParsers(app);
  app.setErrorHandler((error, request, reply) => sendError(options.log, error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const path = (request.url.split('?')[0] ?? '').replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    return reply
      .code(404)
      .type('text/html; charset=UTF-8')
      .send(
        `<!DOCTYPE html>\n<html lang=en><title>Error 404 (Not Found)</title><p><b>404.</b> The requested URL <code>${path}</code> was not found on this server.</html>\n`,
      );
  });
  const open: OpenContext = (request, reply, route) => openContext(options, request, reply, route);
  for (const route of options.bigqueryRoutes) {
    addRoute(app, options, open, route, `/bigquery/v2${route.path}`);
    addRoute(app, options, open, route, route.path);
  }
  for (const route of options.otherRoutes) addRoute(app, options, open, route, route.path);
  await app.register(async (scope) => registerUploads(scope, { ...options.uploads, audit: options.audit }, open));
  const { cloudStorage } = options;
  if (cloudStorage !== undefined)
    await app.register(async (scope) => registerCloudStorage(scope, { ...options, cloudStorage }, open));
  return app;
}

function addRoute(
  app: FastifyInstance,
  options: RestServerOptions,
  open: OpenContext,
  route: Route,
  url: string,
): void {
  app.route({
    method: route.method,
    url,
    handler: async (request, reply) => {
      const opened = await open(request, reply, route);
      const answer = await options.audit.during({ operation: route.operation, requestId: request.id }, () =>
        route.handle(opened.context),
      );
      if (route.public !== true && route.signedIn !== true && !opened.decided()) {
        options.log.error({ operation: route.operation }, 'a handler answered without an access decision');
        throw new BigQueryError('internalError', `No access decision was made for ${route.operation}.`);
      }
      return sendAnswer(reply, request, answer);
    },
  });
}

function sendError(log: ServerLog, thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = presentable(thrown);
  if (error.httpStatus === 500)
    log.error({ err: thrown, method: request.method, path: request.url.split('?')[0] }, 'request failed');
  if (error.httpStatus === 401) void reply.header('WWW-Authenticate', challengeOf(error));
  return reply
    .code(error.httpStatus)
    .type('application/json; charset=UTF-8')
    .send(JSON.stringify(errorEnvelope(error)));
}

async function openContext(
  options: RestServerOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  route: Pick<Route, 'operation' | 'public'>,
): Promise<OpenRequest> {
  const baseUrl = baseUrlOf(request);
  const headers = flatten(request.headers);
  let principal: Principal = { kind: 'user', email: 'anonymous' };
  if (route.public !== true) {
    const authentication = await options.authenticator.authenticate(headers['authorization'], new Date(), baseUrl);
    requireScope(authentication, route.operation);
    principal = principalFor(authentication, route.operation);
  }
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new BigQueryError('stopped', 'The client closed the connection.'));
  });
  let decided = false;
  const may = (permission: Permission, resource: Resource): boolean => {
    decided = true;
    return options.access.decide(principal, permission, resource).allowed;
  };
  const body = request.body;
  const context: RequestContext = {
    principal,
    params: request.params as Record<string, string>,
    query: flatten(request.query as Record<string, unknown>),
    body:
      typeof body === 'object' &&
      body !== null &&
      !Array.isArray(body) &&
      Object.getPrototypeOf(body) === Object.prototype
        ? (body as Record<string, unknown>)
        : {},
    headers,
    baseUrl,
    signal: AbortSignal.any([gone.signal, options.stopping]),
    may,
    authorize(permission, resource) {
      if (!may(permission, resource)) throw accessDenied(permission, resource);
    },
  };
  return { context, decided: () => decided };
}

/** From the Host header, so that links work through port forwarding; a strange one is not repeated. */
function baseUrlOf(request: FastifyRequest): string {
  const host = request.headers.host ?? '';
  if (/^[A-Za-z0-9.\-_]+(:\d{1,5})?$|^\[[0-9A-Fa-f:]+\](:\d{1,5})?$/.test(host)) return `http://${host}`;
  return `http://${request.socket.localAddress ?? '127.0.0.1'}:${request.socket.localPort ?? 0}`;
}

function flatten(values: Readonly<Record<string, unknown>>): Record<string, string | undefined> {
  const flat: Record<string, string | undefined> = {};
  for (const [key, value] of Object.entries(values)) {
    const text: unknown = Array.isArray(value) ? value.join(',') : value;
    if (typeof text === 'string') flat[key] = text;
  }
  return flat;
}

function addParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addHook('preParsing', async (request, _reply, payload) => {
    const encoding = request.headers['content-encoding'];
    if (encoding === undefined || encoding === 'identity') return payload;
    if (encoding !== 'gzip' && encoding !== 'x-gzip')
      throw new BigQueryError('badRequest', 'Only gzip is supported as Content-Encoding.');
    // The length of what was sent is not the length of what is parsed.
    delete request.headers['content-length'];
    const gunzip = createGunzip();
    payload.on('error', (error) => gunzip.destroy(error));
    return payload.pipe(gunzip);
  });
  const json = (
    _request: FastifyRequest,
    text: string | Buffer,
    done: (error: Error | null, value?: unknown) => void,
  ): void => {
    if (text.length === 0) {
      done(null, {});
      return;
    }
    try {
      done(null, JSON.parse(String(text)));
    } catch {
      done(new BigQueryError('badRequest', 'Invalid JSON payload received.'));
    }
  };
  app.addContentTypeParser(/^application\/(?:.*\+)?json/, { parseAs: 'string' }, json);
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (request, text, done) => {
    // curl -d says "form" of everything.
    if (String(text).trimStart().startsWith('{')) json(request, text, done);
    else done(null, Object.fromEntries(new URLSearchParams(String(text))));
  });
  // curl and some clients send a body without a type, or an empty one with any type.
  app.addContentTypeParser('*', { parseAs: 'string' }, json);
}
