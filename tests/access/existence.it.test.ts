// Whoever is denied cannot tell a resource that exists from one that does not: every
// operation of the matrix is asked twice, about a thing and about one that is missing, and
// must give the same status, reason and text, but for the name.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ACCOUNT, OPERATIONS, PROJECT, place, type Operation, type Subject } from './matrix.ts';
import { MatrixWorld } from './matrix-world.ts';

/** What may be missing, how an operation names it, and how an answer does. */
const THINGS: readonly { readonly what: string; readonly inRequest: RegExp; readonly inAnswer: RegExp }[] = [
  { what: 'project', inRequest: /\{P\}|matrix-project/g, inAnswer: /matrix-project/g },
  {
    what: 'dataset',
    inRequest:
      /(?<=datasets\/)(?:ds|bare)\b|(?<=[ (`])(?:ds|bare)(?=\.\w)|(?<="datasetId":")(?:ds|bare)\b|(?<=SCHEMA )ds\b/g,
    inAnswer: /(?<=:)(?:ds|bare)\b/g,
  },
  {
    what: 'table',
    inRequest: /(?<=tables\/)[trv]\b|(?<=\b(?:ds|bare)\.)[trv]\b|(?<="tableId":")t\b/g,
    inAnswer: /(?<=\b(?:ds|bare)\.)[trv]\b/g,
  },
  {
    what: 'routine',
    inRequest: /(?<=routines\/)f\b|(?<=\bds\.)(?:f|reads|authorized|tf|p)\b/g,
    inAnswer: /(?<=\bds\.)(?:f|reads|authorized|tf|p)\b/g,
  },
  { what: 'job', inRequest: /job_of_jo/g, inAnswer: /job_of_jo/g },
  { what: 'row access policy', inRequest: /(?<=rowAccessPolicies\/)fixture\b/g, inAnswer: /$^/g },
  { what: 'service account', inRequest: /(?<=serviceAccounts\/)\{A\}/g, inAnswer: new RegExp(ACCOUNT, 'g') },
  { what: 'key', inRequest: /\{K\}/g, inAnswer: /$^/g },
  { what: 'role', inRequest: /(?<=roles\/)fixture\b/g, inAnswer: /$^/g },
  { what: 'bucket', inRequest: /matrix-bucket/g, inAnswer: /matrix-bucket/g },
  { what: 'object', inRequest: /\bo\.csv/g, inAnswer: /\bo\.csv/g },
  { what: 'group', inRequest: /fixture@example\.com/g, inAnswer: /$^/g },
  { what: 'user', inRequest: /(?<=users\/|members\/|hasMember\/)jo@example\.com/g, inAnswer: /$^/g },
];

const MISSING: Readonly<Record<string, string>> = {
  project: 'gone-project',
  'service account': `gone@${PROJECT}.iam.gserviceaccount.com`,
  key: '0123456789012345678901234567890123456789',
  group: 'gone@example.com',
  user: 'gone@example.com',
  bucket: 'gone-bucket',
};

const SUBJECTS: readonly Subject[] = [
  { name: 'nobody', grants: [] },
  // May run jobs, and nothing more: so that jobs get as far as to what they read.
  { name: 'project roles/bigquery.jobUser', grants: [['roles/bigquery.jobUser', 'project']] },
];

type Case = {
  readonly title: string;
  readonly there: Operation;
  readonly gone: Operation;
  readonly inAnswer: RegExp;
  readonly name: string;
};

const CASES: readonly Case[] = OPERATIONS.filter(
  ({ operation, before, needs = [] }) =>
    // What everybody may see does not count (public keys are public), nor what is made for the occasion.
    before === undefined && operation !== 'serviceAccounts.jwk' && !needs.some((need) => need.includes('@pubTable')),
).flatMap((there) =>
  THINGS.flatMap(({ what, inRequest, inAnswer }): Case[] => {
    const { operation, case: kind, ...request } = there;
    const written = JSON.stringify(request);
    // An account's e-mail names its project.
    const text = what === 'project' ? written.replaceAll('{A}', ACCOUNT) : written;
    const name = MISSING[what] ?? 'gone';
    // Statements and jobs run in the project of the matrix.
    if (what === 'project' && there.request === undefined) return [];
    const changed = text.replaceAll(inRequest, name);
    if (changed === text) return [];
    const gone = { operation, ...(JSON.parse(changed) as Omit<Operation, 'operation'>) };
    return [{ title: `${operation}${kind === undefined ? '' : `, ${kind}`}: ${what}`, there, gone, inAnswer, name }];
  }),
);

let world: MatrixWorld;

beforeAll(async () => {
  world = await MatrixWorld.create(SUBJECTS);
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

describe('whoever is denied', () => {
  it('is asked about every kind of thing', () => {
    const asked = new Set(CASES.map(({ title }) => title.split(': ').at(-1)));
    expect(asked).toEqual(new Set(THINGS.map(({ what }) => what)));
  });

  it.each(CASES)('cannot tell by $title whether it exists', async ({ there, gone, inAnswer, name }) => {
    for (const person of world.people) {
      const ofThere = await world.answer(there, person);
      const ofGone = await world.answer(gone, person);
      // What a person may see, it may tell from what is not there.
      if (ofThere.startsWith('200 with ') || (ofThere.startsWith('200') && mayAsk(there, person.subject))) continue;
      expect(ofGone).toBe(place(ofThere, person.n).replaceAll(inAnswer, name));
    }
  });

  it('cannot tell by the location of a job or a dataset', async () => {
    const path = `/bigquery/v2/projects/${PROJECT}`;
    const { server, people } = world;
    const configuration = { query: { query: 'SELECT 1', useLegacySql: false } };
    const jobReference = { jobId: 'there', location: 'EU' };
    expect((await server.request('POST', `${path}/jobs`, { jobReference, configuration })).status).toBe(200);
    const dataset = { datasetReference: { datasetId: 'there' }, location: 'EU' };
    expect((await server.request('POST', `${path}/datasets`, dataset)).status).toBe(200);
    const schema = { fields: [{ name: 'x', type: 'INTEGER' }] };
    const table = { tableReference: { tableId: 't' }, schema };
    expect((await server.request('POST', `${path}/datasets/there/tables`, table)).status).toBe(200);
    const statements = [
      'SELECT x FROM there.t',
      'INSERT INTO there.t (x) VALUES (1)',
      'DROP TABLE there.t',
      'DROP SCHEMA there',
    ];
    for (const { email } of people) {
      const both = async (method: string, where: string, body?: string): Promise<void> => {
        const [there, gone] = await Promise.all(
          ['there', 'gone'].map(async (name) => {
            const sent = body?.replace('there', name);
            const answer = await server.request(method, where.replace('there', name), sent, {
              as: email,
              headers: sent === undefined ? {} : { 'content-type': 'application/json' },
            });
            return JSON.stringify([answer.status, answer.body]);
          }),
        );
        expect(gone).toBe(there!.replaceAll('there', 'gone'));
      };
      for (const suffix of ['', '?location=EU', '?location=US']) {
        await both('GET', `${path}/jobs/there${suffix}`);
        await both('GET', `${path}/queries/there${suffix}`);
        await both('POST', `${path}/jobs/there/cancel${suffix}`);
      }
      for (const query of statements) {
        for (const location of ['US', 'EU']) {
          await both('POST', `${path}/queries`, JSON.stringify({ query, useLegacySql: false, location }));
        }
      }
    }
  });
});

/** Whether the operation is about something that this subject was granted. */
function mayAsk({ needs = [], sql, job }: Operation, { grants }: Subject): boolean {
  return (
    grants.length > 0 && (sql !== undefined || job !== undefined || needs.some((need) => need.endsWith('@project')))
  );
}
