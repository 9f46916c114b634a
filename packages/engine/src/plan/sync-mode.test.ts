import { expect, test } from 'vitest';
import { SYNC_MODES, modeOf, modeOperations } from './sync-mode.ts';

test('each mode sends what Segment documents', () => {
  expect(Object.fromEntries(SYNC_MODES.map((mode) => [mode, modeOperations(mode)]))).toEqual({
    add: ['added'],
    update: ['updated'],
    upsert: ['added', 'updated'],
    delete: ['deleted'],
    mirror: ['added', 'updated', 'deleted'],
  });
});

test('the mode is read from the field mapping', () => {
  expect(modeOf({ __segment_internal_sync_mode: 'mirror' })).toBe('mirror');
  expect(modeOf({ __segment_internal_sync_mode: 'merge' })).toBeUndefined();
  expect(modeOf({})).toBeUndefined();
});
