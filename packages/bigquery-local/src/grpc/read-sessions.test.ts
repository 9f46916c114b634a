import { expect, it } from 'vitest';
import { ReadSessions, type ReadSession } from './read-sessions.ts';
import { rangesOf } from './create-read-session.ts';

const HOUR_MS = 3_600_000;

function scene() {
  const now = { ms: 0 };
  const sessions = new ReadSessions(() => now.ms);
  let released = 0;
  const create = (): ReadSession => {
    sessions.makeRoom();
    return sessions.create(
      {
        projectId: 'p',
        table: { projectId: 'p', datasetId: 'd', tableId: 't' },
        snapshot: { release: () => released++ } as never,
        columns: [],
        format: 'ARROW',
        compression: undefined,
        schema: new Uint8Array(),
        rowsPerRead: 1,
      },
      'EU',
      [{ from: 0, to: 10 }],
    );
  };
  return { now, sessions, create, released: () => released };
}

const streamOf = (session: ReadSession): string => [...session.streams.keys()][0]!;

it('a session ends after six hours, says so, and lets its rows go', () => {
  const { now, sessions, create, released } = scene();
  using _end = sessions;
  const session = create();
  expect(session.name).toMatch(/^projects\/p\/locations\/eu\/sessions\/[\w-]{24}$/);
  now.ms = 6 * HOUR_MS - 1;
  expect(sessions.find(streamOf(session)).range).toEqual({ from: 0, to: 10 });
  now.ms += 1;
  expect(() => sessions.find(streamOf(session))).toThrow('session expired at 1970-01-01T06:00:00.000Z');
  expect(released()).toBe(1);
});

it('streams of other sessions, or of none, are not found', () => {
  const { sessions, create } = scene();
  using _end = sessions;
  const session = create();
  expect(() => sessions.find(`${session.name}/streams/x`)).toThrow('it does not exist');
  expect(() => sessions.find('projects/p/locations/eu/sessions/x/streams/y')).toThrow('it does not exist');
});

it('there are at most a thousand: one that nobody has read for a while makes room, none in use does', () => {
  const { now, sessions, create, released } = scene();
  using _end = sessions;
  const all = Array.from({ length: 1_000 }, create);
  expect(create).toThrow(/at most 1000 read sessions/);
  now.ms = HOUR_MS / 2;
  all[0]!.readers = 1;
  expect(create).not.toThrow();
  expect(released()).toBe(1);
  expect(() => sessions.find(streamOf(all[0]!))).not.toThrow();
  expect(() => sessions.find(streamOf(all[1]!))).toThrow('session expired');
});

it('ranges hold each row once, whatever their number', () => {
  for (const [rows, count] of [
    [10, 3],
    [7, 7],
    [1_000_003, 999],
    [0, 0],
  ] as const) {
    const ranges = rangesOf(rows, count);
    expect(ranges.length).toBe(count);
    let next = 0;
    for (const { from, to } of ranges) {
      expect(from).toBe(next);
      expect(to).toBeGreaterThan(from);
      next = to;
    }
    expect(next).toBe(rows);
  }
});
