import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SYNC_EVENTS, SYNC_STATES, SyncMachine, nextState } from './sync-state.ts';
import type { SyncState } from './sync-state.ts';

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
        state,
      ).toBe(true);
    }
  });

  test('an ended sync stays ended; only a failed one can be taken up again', () => {
    for (const state of ENDS) expect(SYNC_EVENTS.filter((event) => nextState(state, event) !== undefined)).toEqual([]);
    expect(SYNC_EVENTS.filter((event) => nextState('failed', event) !== undefined)).toEqual(['start']);
  });

  test('whatever works can fail, and can be asked to stop', () => {
    for (const state of ['queued', 'testing', 'planning', 'delivering', 'committing', 'canceling'] as const) {
      expect(nextState(state, 'fail'), state).toBe('failed');
      expect(nextState(state, 'cancel'), state).toBeDefined();
    }
  });

  test('nothing succeeds without a commit', () => {
    for (const state of SYNC_STATES) {
      for (const event of SYNC_EVENTS) {
        const next = nextState(state, event);
        if (next === 'succeeded' || next === 'partially_succeeded') expect(state).toBe('committing');
      }
    }
  });

  test('a machine moves as the table says, and throws where it says nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...SYNC_EVENTS), { maxLength: 30 }), (events) => {
        const told: SyncState[] = [];
        const machine = new SyncMachine((state) => told.push(state));
        for (const event of events) {
          const before = machine.state;
          const next = nextState(before, event);
          if (next === undefined) {
            expect(() => machine.on(event)).toThrow(`A sync that is ${before} cannot ${event}`);
            expect(machine.state).toBe(before);
          } else {
            expect(machine.on(event)).toBe(next);
            if (next !== before) expect(told.at(-1)).toBe(next);
          }
        }
      }),
    );
  });
});
