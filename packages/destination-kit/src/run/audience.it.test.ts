import type { Operation } from '@sluice/core';
import { expect, it } from 'vitest';
import { Receiver } from '../conformance/receiver.ts';
import type { AudienceSpec, DestinationSpec } from '../destination.ts';
import type { DestinationDefinition, ExecuteInput } from '../segment/definition.ts';
import { validateSpec } from '../validation/validate.ts';
import { openDefinition } from './definition-runner.ts';

const seen: { members?: unknown; settings?: unknown; payload?: unknown }[] = [];
const personas = (key: string) => ({ '@path': `$.context.personas.${key}` });
const definition: DestinationDefinition = {
  name: 'Audience',
  slug: 'test-audience',
  audienceFields: { consent: { label: 'Consent', type: 'string', required: true } },
  audienceConfig: {},
  actions: {
    sync: {
      title: 'Sync',
      description: '',
      fields: {
        email: { label: 'E-mail', type: 'string', required: true, default: { '@path': '$.traits.email' } },
        list: { label: 'List', type: 'string', required: true, default: personas('external_audience_id') },
        key: { label: 'Key', type: 'string', required: true, default: personas('computation_key') },
        record: { label: 'Record', type: 'object', required: true },
      },
      perform: () => undefined,
      performBatch: async (request, data: ExecuteInput) => {
        seen.push({ members: data.audienceMembership, settings: data.audienceSettings, payload: data.payload });
        await request('https://api.example/members', { method: 'post', json: data.payload });
      },
    },
  },
};

function specOf(audience: AudienceSpec | undefined): DestinationSpec {
  return {
    type: 'test-audience',
    action: 'sync',
    settings: {},
    fields: { email: { '@path': '$.__segment_id' }, record: { '@path': '$.properties' } },
    mappingId: 'm',
    syncId: 's',
    ...(audience === undefined ? {} : { audience }),
  };
}

it('tells an audience destination which rows are members, of which audience', async () => {
  await using receiver = await Receiver.start();
  const spec = specOf({ key: 'buyers', externalId: 'list-7', settings: { consent: 'yes' } });
  expect(validateSpec(definition, spec, ['plan'])).toEqual([]);
  await using destination = openDefinition(definition, spec, {
    fetchTimeoutMs: 30_000,
    userAgent: 'test',
    connector: receiver.connector,
  });
  const operations: Operation[] = ['added', 'updated', 'deleted'];
  const rows = operations.map((operation, ordinal) => {
    const columns = { plan: operation === 'deleted' ? null : 'gold' };
    const row = destination.prepare({ ordinal, operation, recordId: `p${ordinal}@example.com`, checksum: '', columns });
    if (!('payload' in row)) throw new Error(row.message);
    return row;
  });
  const result = await destination.deliver(rows, { signal: new AbortController().signal, idempotencyKey: 'k' });
  expect(result).toMatchObject({ kind: 'rows' });
  expect(seen).toEqual([
    {
      members: [true, true, false],
      settings: { consent: 'yes' },
      payload: [
        { email: 'p0@example.com', list: 'list-7', key: 'buyers', record: { plan: 'gold', buyers: true } },
        { email: 'p1@example.com', list: 'list-7', key: 'buyers', record: { plan: 'gold', buyers: true } },
        { email: 'p2@example.com', list: 'list-7', key: 'buyers', record: { plan: null, buyers: false } },
      ],
    },
  ]);
});

it('asks for the fields that only an audience would fill, and for the settings of the audience', () => {
  const paths = (audience: AudienceSpec | undefined) =>
    validateSpec(definition, specOf(audience), ['plan']).map(({ path }) => path);
  expect(paths(undefined)).toEqual(['fields.list', 'fields.key']);
  expect(paths({ key: 'buyers', externalId: 'list-7' })).toEqual(['audience.settings.consent']);
  expect(paths({ key: 'high value', settings: { consent: 'yes' } })).toEqual(['audience.key']);
});
