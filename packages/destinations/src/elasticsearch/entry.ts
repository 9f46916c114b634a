// The Elasticsearch and OpenSearch destinations for the registry: one session, two clients.
import { AppError, messageOf } from '@sluice/core';
import type { AuthenticationResult, ConnectionSpec, DestinationShape } from '@sluice/destination-kit';
import { openSession, sessionColumns } from '@sluice/destination-kit';
import { fixedRowColumns, settingText } from '../connection-settings.ts';
import type { DestinationEntry } from '../entry.ts';
import type { SearchClient } from './client.ts';
import { SearchError, openElasticsearch, openOpensearch } from './client.ts';
import { checkIndex } from './index-check.ts';
import { SearchSession } from './session.ts';
import { nodeProblems, targetOf, targetProblems, withRow } from './settings.ts';
import { elasticsearchShape, opensearchShape } from './shape.ts';

const CONCURRENCY = 2;

export const elasticsearchEntry = entryOf(elasticsearchShape, openElasticsearch);
export const opensearchEntry = entryOf(opensearchShape, openOpensearch);

function entryOf(shape: DestinationShape, openClient: (spec: ConnectionSpec) => SearchClient): DestinationEntry {
  return {
    type: shape.slug,
    name: shape.name,
    origin: 'native',
    shape: () => shape,
    checkConnection: nodeProblems,
    check: targetProblems,
    columns: (spec) => sessionColumns(shape, withRow(spec)),
    open: async (spec) => {
      const target = targetOf(shape, spec);
      const client = openClient(spec);
      try {
        await checkIndex(client, target, fixedRowColumns(spec.fields));
      } catch (thrown) {
        await client[Symbol.asyncDispose]();
        throw thrown instanceof AppError ? thrown : notUsable(shape, spec, thrown);
      }
      const batch = shape.actions[spec.action]?.batch ?? { maxRows: 1000, maxBytes: 4_000_000 };
      const batching = { ...batch, concurrency: CONCURRENCY };
      return openSession(shape, withRow(spec), new SearchSession(client, target), { batching });
    },
    testAuthentication: async (spec, _options, signal): Promise<AuthenticationResult> => {
      await using client = openClient(spec);
      try {
        await client.request({ method: 'GET', path: '/' }, signal);
        return { result: 'valid' };
      } catch (error) {
        const { status, code, message } =
          error instanceof SearchError ? error : ({ code: 'NOT_REACHED', message: messageOf(error) } as SearchError);
        // The sign-in was good, only this page is not for the user.
        if (status === 403) return { result: 'valid' };
        const refused = status === 401 || code === 'PRODUCT_NOT_SUPPORTED';
        return { result: refused ? 'invalid' : 'unavailable', code, message };
      }
    },
  };
}

function notUsable(shape: DestinationShape, { settings }: ConnectionSpec, thrown: unknown): AppError {
  const { status, code } = thrown instanceof SearchError ? thrown : ({ code: 'NOT_REACHED' } as SearchError);
  return new AppError(`${shape.name} cannot be used at ${settingText(settings['node'])}: ${messageOf(thrown)}`, {
    code,
    kind: status === 401 ? 'unauthenticated' : 'unavailable',
    origin: 'destination',
    where: 'settings',
    fix: 'check node, the sign-in and the certificate settings of the destination, and that the server accepts this machine',
    cause: thrown,
  });
}
