// `then` is a key of the `@if` directive.
/* oxlint-disable unicorn/no-thenable */
import { describe, expect, it } from 'vitest';
import { mappedColumns, mappingReferences } from './columns.ts';

describe('mappedColumns', () => {
  it('names the columns of paths, templates and nested directives', () => {
    const columns = mappedColumns({
      url: 'https://example.com',
      data: {
        id: { '@path': '$.properties.iata' },
        label: { '@template': '{{properties.name}} ({{ properties.state }})' },
        size: {
          '@if': { exists: { '@path': '$.properties.flights' }, then: 'big', else: { '@path': '$.properties.city' } },
        },
        key: { '@path': '$.__segment_id' },
        first: { '@arrayPath': ['$.properties.tags', { tag: { '@path': '$.label' } }] },
      },
    });
    expect(columns).toEqual(new Set(['iata', 'name', 'state', 'flights', 'city', 'tags']));
  });

  it.each([
    ['all properties', { '@path': '$.properties' }],
    ['the whole event', { '@path': '$.' }],
    ['a liquid template', { '@liquid': '{{ properties.a }}' }],
    ['a computed path', { '@path': { '@path': '$.properties.a' } }],
    ['a template with three braces', { '@template': '{{{properties.a}}}' }],
  ])('answers all for %s', (_, value) => {
    expect(mappedColumns({ data: value })).toBe('all');
  });

  it('says where each reference stands', () => {
    expect(mappingReferences({ data: { names: [{ '@path': '$.properties.a' }] } })).toEqual([
      { at: 'fields.data.names[0]', keys: ['properties', 'a'] },
    ]);
  });
});
