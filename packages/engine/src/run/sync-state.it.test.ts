import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { SYNC_STATES, transitionDiagram } from './sync-state.ts';

const FILE = path.join(import.meta.dirname, '../../../../docs/specs/sync-states.md');

test('docs/specs/sync-states.md shows the table (UPDATE_SPECS=1 writes it)', () => {
  const text = readFileSync(FILE, 'utf8');
  const block = /```mermaid\n[\s\S]*?\n```/;
  expect(text).toMatch(block);
  const fresh = text.replace(block, () => `\`\`\`mermaid\n${transitionDiagram()}\n\`\`\``);
  const updating = process.env['UPDATE_SPECS'] === '1';
  if (updating) writeFileSync(FILE, fresh);
  expect(updating ? fresh : text, 'stale: run UPDATE_SPECS=1 vitest run packages/engine/src/run/sync-state').toBe(
    fresh,
  );
  for (const state of SYNC_STATES) expect(text, `${state} is explained`).toContain(`| \`${state}\``);
});
