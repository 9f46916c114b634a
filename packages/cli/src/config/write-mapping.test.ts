import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { withMappingText } from './write-mapping.ts';

const entry = { model: 'people', fields: { id: { '@path': '$.__segment_id' } } };
const add = (text: string): string => withMappingText(text, 'new', entry, 'sluice.yaml');

it.each([
  ['a file without mappings', '# top\nsource:\n  project: p # keep\n'],
  ['mappings at the end', '# top\nmappings:\n  # about a\n  a:\n    model: m # inside\n'],
  ['mappings without a line end', 'mappings:\n  a:\n    model: m'],
  ['mappings before others', 'mappings:\n    a:\n        model: m\n\n# models\nmodels:\n  m: { key: id }\n'],
  ['a last value with a comment', 'mappings:\n  a:\n    model: m # last\n# end\n'],
  ['a long text at the end', 'mappings:\n  a:\n    model: |\n      one\n      two\nmodels: {}\n'],
])('adds to %s and keeps the rest', (_, text) => {
  const result = add(text);
  const value = parse(result) as { mappings: Record<string, unknown> };
  const before = (parse(text) ?? {}) as { mappings?: Record<string, unknown> };
  expect(value).toEqual({ ...before, mappings: { ...before.mappings, new: entry } });
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  for (const line of lines) expect(result.split('\n')).toContain(line);
});

it.each(['mappings: {}\n', 'mappings: { a: { model: m } }\nmodels: {}\n', 'mappings:\n'])('adds to %j', (text) => {
  expect((parse(add(text)) as { mappings: Record<string, unknown> }).mappings['new']).toEqual(entry);
});

it('replaces nothing', () => {
  expect(() => add('mappings:\n  new:\n    model: m\n')).toThrow(expect.objectContaining({ code: 'MAPPING_EXISTS' }));
});
