import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SYNC_EVENTS, SYNC_STATES, SyncMachine, nextState } from './sync-state.ts';
import type { SyncEvent, SyncState } from './sync-state.ts';

const ENDS: readonly SyncState[] = ['succeeded', 'partially_succeeded', 'canceled', 'skipped'];

function reachable(from: SyncState): Set<SyncState> {
  const seen = new Set<SyncState>([from]);
  for (const state of seen) {
    for (const event of SYNC_EVENTS) {
      const next = nextState(state, event);
      if (next !== undefined) seen.add(next);
    }
  }
  return seen;
}

describe('the states of a sync', () => {
  test('every state can be reached, and from every state the sync can end', () => {
    expect([...reachable('queued')].toSorted()).toEqual([...SYNC_STATES].toSorted());
    for (const state of SYNC_STATES) {
      expect(
        ENDS.some((end) => reachable(state).has(end)),
        `from ${state}`,
      ).toBe(true);
    }
  });

  test('an ended sync stays ended; only a failed one can be taken up again', () => {
    for (const state of ENDS) expect(SYNC_EVENTS.filter((event) => nextState(state, event) !== undefined)).toEqual([]);
    expect(SYNC_EVENTS.filter((event) => nextState('failed', event) !== undefined)).toEqual(['start']);
  });

  test('whatever works can fail, and can be asked to stop', () => {
    for (const state of ['queued', 'testing', 'planning', 'delivering', 'committing', 'canceling'] as const) {
      expect(nextState(state, 'fail'), `${state} fails`).toBe('failed');
      expect(nextState(state, 'cancel'), `${state} is canceled`).toBeDefined();
    }
  });

  test('nothing succeeds without a commit', () => {
    const sources = SYNC_STATES.filter((state) =>
      SYNC_EVENTS.some((event) => ['succeeded', 'partially_succeeded'].includes(nextState(state, event) ?? '')),
    );
    expect(sources).toEqual(['committing']);
  });

  test('a machine moves as the table says, and throws where it says nothing', () => {
    const walk = (events: readonly SyncEvent[]): { states: string[]; told: SyncState[] } => {
      const told: SyncState[] = [];
      const machine = new SyncMachine((state) => told.push(state));
      const states = events.map((event) => {
        try {
          return machine.on(event);
        } catch (error) {
          return `${machine.state}: ${String(error)}`;
        }
      });
      return { states, told };
    };
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...SYNC_EVENTS), { maxLength: 30 }), (events) => {
        let state: SyncState = 'queued';
        const told: SyncState[] = [];
        const states = events.map((event) => {
          const next = nextState(state, event);
          if (next === undefined) return `${state}: AppError: A sync that is ${state} cannot ${event}`;
          if (next !== state) told.push(next);
          state = next;
          return next;
        });
        expect(walk(events)).toEqual({ states, told });
      }),
    );
  });
});
