import { describe, expect, it } from 'vitest';
import type { Principal } from '../../access/decision.ts';
import type { Services } from '../../services.ts';
import { silentLog } from '../../rest/server-log.ts';
import { Sessions } from './sessions.ts';

const HOUR_MS = 60 * 60 * 1000;
const ann = { email: 'ann@example.com' } as Principal;
const signal = new AbortController().signal;

function world(): { sessions: Sessions; clock: { now: number } } {
  const clock = { now: 1_000_000 };
  // Sessions without temporary tables touch nothing but the clock.
  const services = { clock: () => clock.now, log: silentLog } as unknown as Services;
  return { sessions: new Sessions(services), clock };
}

describe('sessions', () => {
  it('end after 24 hours without a job, not while one runs', async () => {
    const { sessions, clock } = world();
    await using _ = sessions;
    const idle = sessions.create(ann, 'p', 'US');
    const busy = sessions.create(ann, 'p', 'US');
    const { promise, resolve } = Promise.withResolvers<void>();
    const job = sessions.inTurn(busy, signal, () => promise);
    clock.now += 24 * HOUR_MS;
    await sessions.endIdle();
    expect(() => sessions.get(ann, 'p', idle.id)).toThrow(`Not found: Session p:${idle.id}`);
    expect(sessions.get(ann, 'p', busy.id)).toBe(busy);
    resolve();
    await job;
    clock.now += 23 * HOUR_MS;
    await sessions.endIdle();
    expect(sessions.get(ann, 'p', busy.id)).toBe(busy);
  });

  it('end after seven days, however busy they were', async () => {
    const { sessions, clock } = world();
    await using _ = sessions;
    const session = sessions.create(ann, 'p', 'US');
    for (let hours = 0; hours < 7 * 24; hours += 12) {
      clock.now += 12 * HOUR_MS;
      await sessions.inTurn(session, signal, () => Promise.resolve());
      expect(sessions.get(ann, 'p', session.id)).toBe(session);
    }
    await sessions.endIdle();
    expect(() => sessions.get(ann, 'p', session.id)).toThrow('Not found: Session');
  });

  it('are of one user and one project, and bounded in number', async () => {
    const { sessions } = world();
    await using _ = sessions;
    const { id } = sessions.create(ann, 'p', 'US');
    expect(() => sessions.get({ email: 'bo@example.com' } as Principal, 'p', id)).toThrow('Not found');
    expect(() => sessions.get(ann, 'q', id)).toThrow('Not found');
    for (let i = 1; i < 500; i++) sessions.create(ann, 'p', 'US');
    expect(() => sessions.create(ann, 'p', 'US')).toThrow('at most 500 sessions');
  });

  it('run no job that waited for one that ended the session', async () => {
    const { sessions } = world();
    await using _ = sessions;
    const session = sessions.create(ann, 'p', 'US');
    const first = sessions.inTurn(session, signal, () => sessions.end(session));
    const second = sessions.inTurn(session, signal, () => Promise.resolve('ran'));
    await first;
    await expect(second).rejects.toThrow('It has been terminated');
  });
});
