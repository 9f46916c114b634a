// The stores that `stores.it.test.ts` runs, each with a server of its own.
import { mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { Storage } from '@google-cloud/storage';
import type { JsonObject } from '@sluice/core';
import { startLocalBigQuery } from '@sluice/testkit';
import type { ServiceAccountKeyFile } from '@sluice/testkit';
import { hasDebianPackages, startS3, startSftp } from '@sluice/testkit/servers';
import { JWT } from 'google-auth-library';

export type RunningStore = {
  readonly type: string;
  readonly settings: JsonObject;
  /** What is changed so that nobody is let in, what is said then, and what must not be said. */
  readonly refused: readonly { readonly settings: JsonObject; readonly message: RegExp; readonly secret: string }[];
  readonly unreachable: JsonObject;
  /** Key to content, sorted by key. */
  readonly files: () => Promise<Map<string, Buffer>>;
  readonly clear: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

type StoreUnderTest = {
  readonly name: string;
  readonly start: () => Promise<RunningStore>;
};

export const storesUnderTest: readonly StoreUnderTest[] = [
  { name: 'S3', start: startS3Store },
  { name: 'Cloud Storage', start: startCloudStorage },
  // The server comes out of a Debian package.
  ...(hasDebianPackages ? [{ name: 'SFTP', start: startSftpStore }] : []),
];

async function startS3Store(): Promise<RunningStore> {
  const server = await startS3();
  const { endpoint, bucket: Bucket, accessKeyId, secretAccessKey } = server;
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  const keys = async (): Promise<string[]> => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
    return Contents.map(({ Key = '' }) => Key).sort();
  };
  return {
    type: 's3',
    settings: { bucket: Bucket, endpoint, access_key_id: accessKeyId, secret_access_key: secretAccessKey },
    refused: [
      {
        settings: { access_key_id: 'somebody', secret_access_key: 'wrong-and-secret' },
        message: /InvalidAccessKeyId/,
        secret: 'wrong-and-secret',
      },
      { settings: { bucket: 'no-such-bucket' }, message: /no-such-bucket.*NoSuchBucket/, secret: 'wrong-and-secret' },
    ],
    unreachable: { endpoint: 'http://127.0.0.1:1' },
    files: async () => {
      const found = new Map<string, Buffer>();
      for (const Key of await keys()) {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
        found.set(Key, Buffer.from((await Body?.transformToByteArray()) ?? []));
      }
      return found;
    },
    clear: async () => {
      for (const Key of await keys()) await client.send(new DeleteObjectCommand({ Bucket, Key }));
    },
    stop: async () => {
      client.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function startCloudStorage(): Promise<RunningStore> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'sluice-gcs-'));
  const owner = 'owner@example.com';
  const server = await startLocalBigQuery({ dataDir, project: 'file-exports', owner });
  await server.call('POST', '/storage/v1/b?project=file-exports', { name: 'exports' });
  const writer = await server.serviceAccount('writer', ['roles/storage.objectCreator']);
  const stranger = await server.serviceAccount('stranger', []);
  const reader = await server.serviceAccount('reader', ['roles/storage.admin']);
  const bucket = new Storage({
    apiEndpoint: server.restUrl,
    authClient: signedBy(reader),
    useAuthWithCustomEndpoint: true,
    projectId: 'file-exports',
  }).bucket('exports');
  return {
    type: 'google-cloud-storage',
    settings: { bucket: 'exports', endpoint: server.restUrl, credentials: JSON.stringify(writer) },
    refused: [
      {
        settings: { credentials: JSON.stringify(stranger) },
        message: /storage\.objects\.create/,
        secret: String(stranger['private_key']).slice(40, 100),
      },
      {
        settings: { credentials: JSON.stringify({ ...writer, private_key: stranger['private_key'] }) },
        message: /invalid authentication credentials/,
        secret: String(stranger['private_key']).slice(40, 100),
      },
    ],
    unreachable: { endpoint: 'http://127.0.0.1:1' },
    files: async () => {
      const [files] = await bucket.getFiles();
      const found: [string, Buffer][] = [];
      for (const file of files) found.push([file.name, (await file.download({ decompress: false }))[0]]);
      return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
    },
    clear: () => bucket.deleteFiles({ force: true }),
    stop: async () => {
      await server[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function signedBy(key: ServiceAccountKeyFile): JWT {
  const signer = new JWT({
    email: key.client_email,
    key: String(key['private_key']),
    keyId: String(key['private_key_id']),
    scopes: ['https://www.googleapis.com/auth/cloud-platform'],
  });
  signer.useJWTAccessWithScope = true;
  return signer;
}

async function startSftpStore(): Promise<RunningStore> {
  const server = await startSftp();
  const other = await startSftp();
  const { host, port, username, privateKey, hostKeyFingerprint, folder } = server;
  return {
    type: 'sftp',
    settings: {
      host,
      port,
      user: username,
      private_key: privateKey,
      host_key_fingerprint: hostKeyFingerprint,
      directory: folder,
    },
    refused: [
      {
        settings: { private_key: other.privateKey },
        message: /authentication methods failed/,
        secret: other.privateKey.slice(60, 120),
      },
      {
        settings: { host_key_fingerprint: other.hostKeyFingerprint },
        message: new RegExp(`has the fingerprint ${hostKeyFingerprint.replaceAll(/[+/]/g, '\\$&')}, not the one`),
        secret: privateKey.slice(60, 120),
      },
      {
        settings: { directory: '/proc/no-place' },
        message: /Bad path|No such file|Permission denied/i,
        secret: privateKey.slice(60, 120),
      },
    ],
    unreachable: { port: 1 },
    files: async () => {
      const names = await readdir(folder, { recursive: true, withFileTypes: true });
      const found = new Map<string, Buffer>();
      for (const file of names
        .filter((each) => each.isFile())
        .map((each) => path.join(each.parentPath, each.name))
        .sort())
        found.set(path.relative(folder, file), await readFile(file));
      return found;
    },
    clear: async () => {
      for (const name of await readdir(folder)) await rm(path.join(folder, name), { recursive: true });
      await mkdir(folder, { recursive: true });
    },
    stop: async () => {
      await server[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
    },
  };
}
