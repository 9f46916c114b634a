// Who may do what with buckets and objects: expected answers are written from Google's
// "IAM roles for Cloud Storage" and "IAM permissions for JSON methods".
/* oxlint-disable typescript/no-explicit-any -- answers of any shape */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OWNER, PROJECT, ServerUnderTest } from '../../server-under-test.ts';
import { BUCKET, createBucket, get, pathOf, put, setBindings } from './storage-under-test.ts';

let server: ServerUnderTest;

const OTHER = 'other-project';
const NOBODY = 'nobody@example.com';

beforeAll(async () => {
  server = await ServerUnderTest.start();
  await server.request('POST', '/v1/projects', { projectId: OTHER }, { as: 'olga@example.com' });
  for (const [email, role] of [
    ['viewer@example.com', 'roles/viewer'],
    ['editor@example.com', 'roles/editor'],
    ['storage-admin@example.com', 'roles/storage.admin'],
  ])
    await server.grant(`user:${email}`, [role!]);
  await createBucket(server);
  await put(server, 'there.txt', 'data');
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

/** Each as one request; the object written is made anew for each question. */
const OPERATIONS: Readonly<Record<string, (as: string) => Promise<{ status: number; body: any }>>> = {
  'buckets.get': (as) => server.request('GET', `/storage/v1/b/${BUCKET}`, undefined, { as }),
  'buckets.list': (as) => server.request('GET', `/storage/v1/b?project=${PROJECT}`, undefined, { as }),
  'buckets.update': (as) => server.request('PATCH', `/storage/v1/b/${BUCKET}`, { labels: { a: 'b' } }, { as }),
  'buckets.getIamPolicy': (as) => server.request('GET', `/storage/v1/b/${BUCKET}/iam`, undefined, { as }),
  'objects.list': (as) => server.request('GET', `/storage/v1/b/${BUCKET}/o`, undefined, { as }),
  'objects.get': (as) => server.request('GET', `${pathOf('there.txt')}?alt=media`, undefined, { as }),
  'objects.create': (as) => put(server, `new-${Math.random()}`, 'x', { as }),
  'objects.delete': (as) => put(server, 'there.txt', 'data', { as }),
  'objects.update': (as) => server.request('PATCH', pathOf('there.txt'), { contentType: 'a/b' }, { as }),
};

const ALL = Object.keys(OPERATIONS);
const BUCKET_READER = ['buckets.get', 'objects.list'];
const BUCKET_WRITER = [...BUCKET_READER, 'objects.create', 'objects.delete'];
const BUCKET_OWNER = [...BUCKET_WRITER, 'buckets.update', 'buckets.getIamPolicy'];

async function allowed(as: string): Promise<string[]> {
  const names: string[] = [];
  for (const name of ALL) if ((await OPERATIONS[name]!(as)).status === 200) names.push(name);
  return names;
}

describe('roles on a bucket', () => {
  const roles: readonly (readonly [string, readonly string[]])[] = [
    ['roles/storage.objectViewer', ['objects.list', 'objects.get']],
    ['roles/storage.objectCreator', ['objects.create']],
    ['roles/storage.objectUser', ['objects.list', 'objects.get', 'objects.create', 'objects.delete', 'objects.update']],
    [
      'roles/storage.objectAdmin',
      ['objects.list', 'objects.get', 'objects.create', 'objects.delete', 'objects.update'],
    ],
    ['roles/storage.admin', ALL.filter((name) => name !== 'buckets.list')],
    ['roles/storage.legacyBucketReader', BUCKET_READER],
    ['roles/storage.legacyBucketWriter', BUCKET_WRITER],
    ['roles/storage.legacyBucketOwner', BUCKET_OWNER],
    ['roles/storage.legacyObjectReader', ['objects.get']],
    ['roles/storage.legacyObjectOwner', ['objects.get', 'objects.update']],
  ];

  test.each(roles)('%s gives exactly its operations', async (role, expected) => {
    const as = `${role.slice('roles/storage.'.length).toLowerCase()}@example.com`;
    const { body: policy } = await server.request('GET', `/storage/v1/b/${BUCKET}/iam`);
    const bindings = [...policy.bindings, { role, members: [`user:${as}`] }];
    expect((await setBindings(server, bindings)).status).toBe(200);
    expect(new Set(await allowed(as))).toEqual(new Set(expected));
    expect((await setBindings(server, policy.bindings)).status).toBe(200);
    expect(await allowed(as)).toEqual([]);
  });
});

describe('roles on the project', () => {
  test('basic roles reach a bucket by its default policy, and only so', async () => {
    expect(new Set(await allowed('viewer@example.com'))).toEqual(
      new Set([...BUCKET_READER, 'buckets.list', 'objects.get']),
    );
    for (const as of ['editor@example.com', OWNER]) expect(new Set(await allowed(as))).toEqual(new Set(ALL));
    const { body: policy } = await server.request('GET', `/storage/v1/b/${BUCKET}/iam`);
    const kept = { role: 'roles/storage.admin', members: ['user:ann@example.com'] };
    await setBindings(server, [kept]);
    expect(await allowed('viewer@example.com')).toEqual(['buckets.list']);
    expect(await allowed('editor@example.com')).toEqual(['buckets.list']);
    await setBindings(server, policy.bindings);
  });

  test('predefined roles are inherited by every bucket', async () => {
    expect(new Set(await allowed('storage-admin@example.com'))).toEqual(new Set(ALL));
  });

  test('legacy roles cannot be granted on a project, other products’ roles not on a bucket', async () => {
    const { body: policy } = await server.request('POST', `/v1/projects/${PROJECT}:getIamPolicy`, {});
    policy.bindings.push({ role: 'roles/storage.legacyBucketReader', members: [`user:${NOBODY}`] });
    expect((await server.request('POST', `/v1/projects/${PROJECT}:setIamPolicy`, { policy })).status).toBe(400);
    for (const role of ['roles/viewer', 'roles/bigquery.admin', 'roles/storage.unheardOf', 'x'])
      expect((await setBindings(server, [{ role, members: ['user:ann@example.com'] }])).status).toBe(400);
  });
});

describe('a refusal', () => {
  test('names caller, permission and kind of resource', async () => {
    const { status, body } = await server.request('GET', pathOf('there.txt'), undefined, { as: NOBODY });
    expect([status, body]).toEqual([
      403,
      {
        error: {
          code: 403,
          message: `${NOBODY} does not have storage.objects.get access to the Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist).`,
          errors: [{ message: expect.any(String), domain: 'global', reason: 'forbidden' }],
        },
      },
    ]);
    const list = await server.request('GET', `/storage/v1/b/${BUCKET}/o`, undefined, { as: NOBODY });
    expect(list.body.error.message).toContain('storage.objects.list access to the Google Cloud Storage bucket.');
  });

  test('is the same for what exists and what does not', async () => {
    const requests: readonly ((bucket: string, object: string) => [string, string, unknown?])[] = [
      (bucket) => ['GET', `/storage/v1/b/${bucket}`],
      (bucket) => ['DELETE', `/storage/v1/b/${bucket}`],
      (bucket) => ['PATCH', `/storage/v1/b/${bucket}`, {}],
      (bucket) => ['GET', `/storage/v1/b/${bucket}/iam`],
      (bucket) => ['PUT', `/storage/v1/b/${bucket}/iam`, { bindings: [] }],
      (bucket) => ['GET', `/storage/v1/b/${bucket}/iam/testPermissions?permissions=storage.objects.get`],
      (bucket) => ['GET', `/storage/v1/b/${bucket}/o`],
      (bucket, object) => ['GET', pathOf(object, bucket)],
      (bucket, object) => ['GET', `${pathOf(object, bucket)}?alt=media`],
      (bucket, object) => ['DELETE', pathOf(object, bucket)],
      (bucket, object) => ['PATCH', pathOf(object, bucket), {}],
      (bucket, object) => ['POST', `${pathOf(object, bucket)}/copyTo/b/${bucket}/o/x`, {}],
      (bucket, object) => ['POST', `/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${object}`, 'x'],
      (bucket, object) => ['POST', `/upload/storage/v1/b/${bucket}/o?uploadType=resumable`, { name: object }],
    ];
    // A stranger, and somebody with all rights in a project that the bucket is not in.
    for (const as of [NOBODY, 'olga@example.com']) {
      for (const request of requests) {
        const answers = [
          request(BUCKET, 'there.txt'),
          request(BUCKET, 'missing.txt'),
          request('missing-bucket', 'there.txt'),
        ].map(async ([method, path, body]) => {
          const answer = await server.request(method, path, body, { as });
          return { status: answer.status, body: answer.body };
        });
        const [there, noObject, noBucket] = await Promise.all(answers);
        expect(noObject).toEqual(there);
        expect(noBucket).toEqual(there);
        const tests = request('b', 'o')[1].includes('testPermissions');
        expect(there!.status).toBe(tests ? 200 : 403);
      }
    }
  });

  test('to overwrite leaves the object as it was', async () => {
    const { body: policy } = await server.request('GET', `/storage/v1/b/${BUCKET}/iam`);
    const creator = { role: 'roles/storage.objectCreator', members: ['user:creator@example.com'] };
    await setBindings(server, [...policy.bindings, creator]);
    const { status, body } = await put(server, 'there.txt', 'other', { as: 'creator@example.com' });
    expect([status, body.error.message]).toEqual([
      403,
      "creator@example.com does not have storage.objects.delete access to the Google Cloud Storage object. Permission 'storage.objects.delete' denied on resource (or it may not exist).",
    ]);
    expect(await get(server, 'there.txt')).toBe('data');
    await setBindings(server, policy.bindings);
  });

  test('without credentials is a 401', async () => {
    const response = await fetch(`${server.url}/storage/v1/b/${BUCKET}`);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toContain('Bearer');
  });
});

describe('buckets', () => {
  test('share one space of names, and are deleted only when empty', async () => {
    const mine = await createBucket(server);
    expect([mine.status, mine.body.error.message]).toEqual([
      409,
      'Your previous request to create the named bucket succeeded and you already own it.',
    ]);
    const theirs = await server.request(
      'POST',
      `/storage/v1/b?project=${OTHER}`,
      { name: BUCKET },
      { as: 'olga@example.com' },
    );
    expect([theirs.status, theirs.body.error.errors[0].reason]).toEqual([409, 'conflict']);
    expect((await server.request('DELETE', `/storage/v1/b/${BUCKET}`)).status).toBe(409);
    expect((await createBucket(server, 'short-lived')).status).toBe(200);
    expect((await server.request('DELETE', '/storage/v1/b/short-lived')).status).toBe(204);
  });

  test('keep no property that is not supported', async () => {
    const refused = await server.request('POST', `/storage/v1/b?project=${PROJECT}`, {
      name: 'with-versions',
      versioning: { enabled: true },
    });
    expect([refused.status, refused.body.error.message]).toEqual([
      501,
      'The bucket property versioning is not supported by the local Cloud Storage.',
    ]);
    const acls = await server.request('POST', `/storage/v1/b?project=${PROJECT}`, {
      name: 'with-acls',
      iamConfiguration: { uniformBucketLevelAccess: { enabled: false } },
    });
    expect(acls.status).toBe(501);
  });

  test('take back a policy that was read before another change', async () => {
    const { body: policy } = await server.request('GET', `/storage/v1/b/${BUCKET}/iam`);
    expect((await server.request('PUT', `/storage/v1/b/${BUCKET}/iam`, policy)).status).toBe(200);
    expect((await server.request('PUT', `/storage/v1/b/${BUCKET}/iam`, policy)).status).toBe(412);
  });

  test('whose policy names everybody are open to every account, unless public access is prevented', async () => {
    await createBucket(server, 'open-bucket');
    await put(server, 'o', 'open', { bucket: 'open-bucket' });
    const open = [{ role: 'roles/storage.objectViewer', members: ['allAuthenticatedUsers'] }];
    const { body: policy } = await server.request('GET', '/storage/v1/b/open-bucket/iam');
    expect((await setBindings(server, [...policy.bindings, ...open], 'open-bucket')).status).toBe(200);
    const read = await server.request('GET', `${pathOf('o', 'open-bucket')}?alt=media`, undefined, { as: NOBODY });
    expect(read.body).toBe('open');
    const prevent = { iamConfiguration: { publicAccessPrevention: 'enforced' } };
    expect((await server.request('PATCH', '/storage/v1/b/open-bucket', prevent)).status).toBe(412);
    await setBindings(server, policy.bindings, 'open-bucket');
    expect((await server.request('PATCH', '/storage/v1/b/open-bucket', prevent)).status).toBe(200);
    expect((await setBindings(server, open, 'open-bucket')).status).toBe(412);
  });

  test('grant under a condition of time only while it holds', async () => {
    await createBucket(server, 'timed-bucket');
    const { body: policy } = await server.request('GET', '/storage/v1/b/timed-bucket/iam');
    const until = async (time: string) => {
      const condition = { title: 'until', expression: `request.time < timestamp("${time}")` };
      const binding = { role: 'roles/storage.objectViewer', members: [`user:${NOBODY}`], condition };
      const set = await server.request('PUT', '/storage/v1/b/timed-bucket/iam', {
        version: 3,
        bindings: [...policy.bindings, binding],
      });
      expect(set.status).toBe(200);
      return (await server.request('GET', '/storage/v1/b/timed-bucket/o', undefined, { as: NOBODY })).status;
    };
    expect(await until('2099-01-01T00:00:00Z')).toBe(200);
    expect(await until('2001-01-01T00:00:00Z')).toBe(403);
  });
});
