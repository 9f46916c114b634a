import { afterEach, describe, expect, it } from 'vitest';
import type { FastifyInstance } from 'fastify';
import { createRestServer } from './server.ts';
import type { Route } from './route.ts';

const opened: FastifyInstance[] = [];

async function serve(
  route: Omit<Route, 'method' | 'path'>,
  logged: string[] = [],
): Promise<(url: string) => Promise<{ status: number; body: string }>> {
  const app = await createRestServer({
    audit: { during: (_context, body) => body() },
    access: {
      decide: () => ({
        allowed: true,
        by: { role: 'roles/owner', member: 'user:a@b.c', on: { kind: 'project', projectId: 'p' } },
      }),
    },
    authenticator: {
      authenticate: async () => ({
        principal: { kind: 'user', email: 'a@b.c' },
        scopes: ['https://www.googleapis.com/auth/cloud-platform'],
      }),
    },
    bigqueryRoutes: [{ method: 'GET', path: '/x', ...route }],
    otherRoutes: [],
    uploads: { jobs: undefined as never, spool: { directory: '/nowhere', maxBytes: 1 } },
    log: { info: () => undefined, error: (_fields, message) => logged.push(message) },
    stopping: new AbortController().signal,
  });
  opened.push(app);
  return async (url) => {
    const answer = await app.inject({ method: 'GET', url });
    return { status: answer.statusCode, body: answer.body };
  };
}

afterEach(async () => {
  for (const app of opened.splice(0)) await app.close();
});

describe('the REST server', () => {
  it('refuses to send the answer of a handler that made no access decision', async () => {
    const logged: string[] = [];
    const get = await serve({ operation: 'bigquery.datasets.get', handle: () => ({ secret: 'rows' }) }, logged);
    const { status, body } = await get('/bigquery/v2/x');
    expect(status).toBe(500);
    expect(body).not.toContain('rows');
    expect(logged[0]).toBe('a handler answered without an access decision');
  });

  it('serves a method with its prefix and without, and a public one without a decision', async () => {
    const decided = await serve({
      operation: 'bigquery.datasets.get',
      handle: (context) => ({ allowed: context.may('p', { kind: 'project', projectId: 'p' }) }),
    });
    expect(await decided('/bigquery/v2/x')).toEqual({ status: 200, body: '{"allowed":true}' });
    expect(await decided('/x')).toEqual({ status: 200, body: '{"allowed":true}' });
    const open = await serve({ operation: 'discovery.apis.getRest', public: true, handle: () => ({ open: true }) });
    expect(await open('/x')).toEqual({ status: 200, body: '{"open":true}' });
  });

  it('shows nothing of an error that is not its own', async () => {
    const get = await serve({
      operation: 'bigquery.datasets.get',
      handle: () => {
        throw new Error('password=hunter2');
      },
    });
    const { status, body } = await get('/x');
    expect([status, body.includes('hunter2')]).toEqual([500, false]);
  });
});
