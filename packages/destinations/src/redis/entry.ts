// The Redis destination for the registry.
import { AppError } from '@sluice/core';
import type { AuthenticationResult, ConnectionSpec, DestinationSpec, OpenDestination } from '@sluice/destination-kit';
import { openSession, sessionColumns } from '@sluice/destination-kit';
import type { DestinationEntry, OpenOptions } from '../entry.ts';
import { authenticationOf } from './errors.ts';
import { RedisSession, connect, destroy } from './session.ts';
import { clientOptions, keyProblems, placeOf, targetOf, withRow } from './settings.ts';
import { redisShape } from './shape.ts';

/** For one batch; a pipeline of 4 MB needs seconds at most. */
const BATCH_TIMEOUT_MS = 60_000;

export const redisEntry: DestinationEntry = {
  type: redisShape.slug,
  name: redisShape.name,
  origin: 'native',
  shape: () => redisShape,
  check: keyProblems,
  columns: (spec) => sessionColumns(redisShape, withRow(spec)),
  open,
  testAuthentication,
};

async function open(spec: DestinationSpec): Promise<OpenDestination> {
  const options = clientOptions(spec);
  const connection = await connect(options).catch((thrown: unknown) => {
    const { result, code, message } = authenticationOf(thrown);
    throw new AppError(`Redis cannot be used at ${placeOf(spec)}: ${message}`, {
      code,
      kind: result === 'invalid' ? 'unauthenticated' : 'unavailable',
      origin: 'destination',
      where: 'settings',
      fix: 'check host, port, database, user, password and ssl of the destination, and that the server accepts this machine',
      cause: thrown,
    });
  });
  const batch = redisShape.actions[spec.action]?.batch ?? { maxRows: 1000, maxBytes: 4_000_000 };
  const session = new RedisSession(options, targetOf(spec), connection);
  // One pipeline at a time keeps the plan's order.
  const batching = { ...batch, concurrency: 1 };
  return openSession(redisShape, withRow(spec), session, { batching, callTimeoutMs: BATCH_TIMEOUT_MS });
}

async function testAuthentication(
  spec: ConnectionSpec,
  _options: OpenOptions,
  signal: AbortSignal,
): Promise<AuthenticationResult> {
  try {
    const { client } = await connect(clientOptions(spec), signal);
    destroy(client);
    return { result: 'valid' };
  } catch (error) {
    return authenticationOf(error);
  }
}
