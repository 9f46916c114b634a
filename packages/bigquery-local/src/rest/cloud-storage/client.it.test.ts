// Google's own client against the local Cloud Storage.
import { Storage } from '@google-cloud/storage';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROJECT, ServerUnderTest } from '../../server-under-test.ts';

let server: ServerUnderTest;
let email: string;
let storage: Storage;

beforeAll(async () => {
  server = await ServerUnderTest.start();
  const account = await server.request('POST', `/v1/projects/${PROJECT}/serviceAccounts`, { accountId: 'robot1' });
  ({ email } = account.body);
  const key = await server.request('POST', `/v1/projects/${PROJECT}/serviceAccounts/${email}/keys`, {});
  storage = new Storage({
    projectId: PROJECT,
    credentials: JSON.parse(Buffer.from(key.body.privateKeyData, 'base64').toString()),
    apiEndpoint: server.url,
    useAuthWithCustomEndpoint: true,
    // NOTE: without this the client sends its resumable uploads without credentials
    // (8.4.0 does not hand `useAuthWithCustomEndpoint` on to them).
    universeDomain: new URL(server.url).hostname,
    retryOptions: { autoRetry: false },
  });
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

test('the client is refused with the text of Cloud Storage until the role is granted', async () => {
  await expect(storage.createBucket('client-bucket')).rejects.toMatchObject({
    code: 403,
    message: `${email} does not have storage.buckets.create access to the Google Cloud project. Permission 'storage.buckets.create' denied on resource (or it may not exist).`,
  });
  await server.grant(`serviceAccount:${email}`, ['roles/storage.admin']);
  const [bucket] = await storage.createBucket('client-bucket', { location: 'EU' });
  expect(bucket.metadata.location).toBe('EU');
  expect(await bucket.exists()).toEqual([true]);
  expect(await storage.bucket('no-such-bucket').exists()).toEqual([false]);
  expect((await storage.getBuckets())[0].map(({ name }) => name)).toEqual(['client-bucket']);
});

test.each([
  ['in one request', { resumable: false }],
  ['resumably', { resumable: true }],
  ['resumably in chunks', { resumable: true, chunkSize: 256 * 1024 }],
  ['resumably in chunks with gzip', { resumable: true, chunkSize: 256 * 1024, gzip: true }],
])('the client uploads %s and reads back what it sent', async (name, options) => {
  const file = storage.bucket('client-bucket').file(`dir/ü %2F?#+ ${name}`);
  const data = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => (i * 7919) % 251));
  await file.save(data, { ...options, metadata: { contentType: 'x/y', metadata: { own: 'value' } } });
  const [metadata] = await file.getMetadata();
  expect(metadata).toMatchObject({ contentType: 'x/y', metadata: { own: 'value' } });
  // The client compares the checksums itself.
  const [read] = await file.download();
  expect(read.equals(data)).toBe(true);
});

test('the client reads ranges, lists by folders, copies, moves, changes metadata and deletes', async () => {
  const bucket = storage.bucket('client-bucket');
  await bucket.file('a/1').save('0123456789', { resumable: false });
  expect(String((await bucket.file('a/1').download({ start: 2, end: 4 }))[0])).toBe('234');
  await bucket.file('a/1').copy(bucket.file('a/b/2'));
  await bucket.file('a/b/2').move('a/3');
  const [files, , answer] = await bucket.getFiles({ prefix: 'a/', delimiter: '/', autoPaginate: false });
  expect(files.map(({ name }) => name)).toEqual(['a/1', 'a/3']);
  expect((answer as { prefixes?: string[] }).prefixes).toBeUndefined();
  const [changed] = await bucket.file('a/3').setMetadata({ contentType: 'a/b' });
  expect(changed).toMatchObject({ contentType: 'a/b', metageneration: '2' });
  await expect(
    bucket.file('a/3').save('x', { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } }),
  ).rejects.toMatchObject({ code: 412 });
  await expect(bucket.file('gone').download()).rejects.toMatchObject({ code: 404 });
  await expect(bucket.delete()).rejects.toMatchObject({ code: 409 });
});

test('the client reads, tests and sets the policy of a bucket', async () => {
  const bucket = storage.bucket('client-bucket');
  const [policy] = await bucket.iam.getPolicy();
  policy.bindings.push({ role: 'roles/storage.objectViewer', members: ['user:bob@example.com'] });
  await bucket.iam.setPolicy(policy);
  await expect(bucket.iam.setPolicy(policy)).rejects.toMatchObject({ code: 412 });
  const [permissions] = await bucket.iam.testPermissions(['storage.objects.get', 'storage.hmacKeys.get']);
  expect(permissions).toEqual({ 'storage.objects.get': true, 'storage.hmacKeys.get': false });
  await bucket.deleteFiles();
  expect((await bucket.delete())[0].statusCode).toBe(204);
});
