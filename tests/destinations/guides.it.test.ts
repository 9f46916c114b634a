import { readFileSync } from 'node:fs';
import type { JsonObject } from '@sluice/core';
import { createRegistry } from '@sluice/destinations';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

type Project = {
  readonly destinations: Readonly<Record<string, { readonly type: string; readonly settings: JsonObject }>>;
  readonly mappings: Readonly<
    Record<string, { readonly destination: string; readonly action: string; readonly fields: JsonObject }>
  >;
};

const page = readFileSync(new URL('../../docs/guides/files-and-http-apis.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(
  ([, text = '']) =>
    // As a secret would be put in.
    parse(text.replaceAll(/\$\{\w+\}/g, 'https://hooks.slack.com/services/T0/B0/x')) as Project,
);

it.each(examples)('the guide to files and HTTP APIs has examples that are valid (%#)', ({ destinations, mappings }) => {
  const registry = createRegistry();
  const columns = ['id', 'name', 'country', 'spent', 'seen_at'];
  const problems = Object.entries(mappings).flatMap(([mappingId, { destination, action, fields }]) => {
    const { type = '', settings = {} } = destinations[destination] ?? {};
    return registry.validate({ type, settings, action, fields, mappingId, syncId: 's' }, columns);
  });
  expect(problems).toEqual([]);
  expect(examples).toHaveLength(3);
});
