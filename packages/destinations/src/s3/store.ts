// Puts objects into a bucket with the AWS SDK, large ones in several parts. It retries
// nothing by itself: the engine does.
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { ListObjectsV2Command, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { AuthenticationResult, ConnectionSpec, Diagnostic } from '@sluice/destination-kit';
import { error, withSettingDefaults } from '@sluice/destination-kit';
import type { ObjectStore, Part } from '../object-store/object-store.ts';
import { StoreFailure } from '../object-store/object-store.ts';
import { s3Shape } from './shape.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** Without a byte in either direction. */
const IDLE_TIMEOUT_MS = 60_000;
/** The smallest that S3 takes is 5 MiB. */
const UPLOAD_PART_BYTES = 8 * 1024 * 1024;
const UPLOAD_PARTS_AT_ONCE = 2;

type Settings = {
  readonly bucket: string;
  readonly client: S3ClientConfig;
  readonly encryption: { readonly ServerSideEncryption?: 'AES256' | 'aws:kms'; readonly SSEKMSKeyId?: string };
};

export function s3Settings({ settings }: ConnectionSpec): Settings {
  const values = withSettingDefaults(s3Shape.authentication?.fields, settings);
  const text = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const endpoint = text('endpoint');
  const accessKeyId = text('access_key_id');
  const sessionToken = text('session_token');
  const encryption = text('encryption');
  const key = text('kms_key_id');
  return {
    bucket: text('bucket') ?? '',
    client: {
      region: text('region') ?? 'us-east-1',
      maxAttempts: 1,
      requestHandler: {
        connectionTimeout: CONNECT_TIMEOUT_MS,
        requestTimeout: IDLE_TIMEOUT_MS,
        throwOnRequestTimeout: true,
      },
      forcePathStyle: values['path_style'] === undefined ? endpoint !== undefined : values['path_style'] === true,
      // Many compatible servers do not know the checksums that newer SDKs add by themselves.
      requestChecksumCalculation: endpoint === undefined ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED',
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(accessKeyId === undefined
        ? {}
        : {
            credentials: {
              accessKeyId,
              secretAccessKey: text('secret_access_key') ?? '',
              ...(sessionToken === undefined ? {} : { sessionToken }),
            },
          }),
    },
    encryption:
      encryption === 'AES256' || encryption === 'aws:kms'
        ? { ServerSideEncryption: encryption, ...(key === undefined ? {} : { SSEKMSKeyId: key }) }
        : {},
  };
}

export function s3SettingProblems({ settings }: ConnectionSpec): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const { bucket, endpoint, access_key_id: id, secret_access_key: secret, session_token: token } = settings;
  if (typeof bucket === 'string' && bucket !== '' && !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    problems.push(
      error('settings.bucket', `"${bucket}" cannot be a bucket`, '3 to 63 small letters, digits, dots and dashes'),
    );
  if (typeof endpoint === 'string' && endpoint !== '' && !isEndpoint(endpoint))
    problems.push(
      error('settings.endpoint', 'the endpoint must be a URL without a path', 'for example https://minio.example:9000'),
    );
  if (!id !== !secret)
    problems.push(
      error(
        id ? 'settings.secret_access_key' : 'settings.access_key_id',
        'access_key_id and secret_access_key belong together',
        'set both, or neither to use the credentials of the environment',
      ),
    );
  if (token && !id)
    problems.push(error('settings.session_token', 'a session token needs its keys', 'set access_key_id'));
  if (settings['kms_key_id'] && settings['encryption'] !== 'aws:kms')
    problems.push(error('settings.kms_key_id', 'a KMS key needs encryption: aws:kms', 'set encryption'));
  return problems;
}

function isEndpoint(text: string): boolean {
  const url = URL.parse(text);
  return (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '' &&
    url.username === ''
  );
}

export class S3Store implements ObjectStore {
  readonly #settings: Settings;
  readonly #client: S3Client;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#client = new S3Client(settings.client);
  }

  async put({ key, body, contentType }: Part, signal: AbortSignal): Promise<void> {
    const { bucket, encryption } = this.#settings;
    const upload = new Upload({
      client: this.#client,
      params: { Bucket: bucket, Key: key, Body: body, ContentType: contentType, ...encryption },
      partSize: UPLOAD_PART_BYTES,
      queueSize: UPLOAD_PARTS_AT_ONCE,
    });
    // An upload in parts is taken back when one of them fails, or when it is aborted.
    const abort = (): void => void upload.abort().catch(() => undefined);
    signal.addEventListener('abort', abort, { once: true });
    try {
      signal.throwIfAborted();
      await upload.done();
    } catch (thrown) {
      throw failureOf(thrown, bucket);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
  }
}

export async function testS3(spec: ConnectionSpec, signal: AbortSignal): Promise<AuthenticationResult> {
  const { bucket, client: config } = s3Settings(spec);
  const client = new S3Client(config);
  try {
    await client.send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1 }), { abortSignal: signal });
    return { result: 'valid' };
  } catch (thrown) {
    // Whoever may only write may not list; the keys themselves were recognised.
    if (thrown instanceof S3ServiceException && thrown.name === 'AccessDenied') return { result: 'untested' };
    const failure = failureOf(thrown, bucket);
    const message = failure instanceof Error ? failure.message : String(failure);
    if (failure instanceof StoreFailure)
      return { result: failure.reason === 'later' ? 'unavailable' : 'invalid', code: failure.code, message };
    const code = failure instanceof Error && 'code' in failure ? String(failure.code) : 'NOT_REACHED';
    return { result: 'unavailable', code, message };
  } finally {
    client.destroy();
  }
}

/** By the status, but for what S3 says with a status of its own (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). */
const BY_NAME: ReadonlyMap<string, StoreFailure['reason']> = new Map([
  ['EntityTooLarge', 'rows'],
  ['KeyTooLongError', 'stop'],
  ['RequestTimeout', 'later'],
  ['OperationAborted', 'later'],
  ['SlowDown', 'later'],
  ['BadDigest', 'later'],
  ['IncompleteBody', 'later'],
]);

/** A failure that says what it means, or the socket's own error. */
function failureOf(thrown: unknown, bucket: string): unknown {
  if (!(thrown instanceof S3ServiceException)) return missingKeys(thrown) ?? thrown;
  const status = thrown.$metadata.httpStatusCode ?? 0;
  const later = status === 408 || status === 429 || status >= 500 || status === 0;
  const reason = BY_NAME.get(thrown.name) ?? (later ? 'later' : 'stop');
  const text = thrown.message === '' || thrown.message === 'UnknownError' ? `status ${status}` : thrown.message;
  return new StoreFailure(reason, thrown.name, `the bucket ${bucket}: ${text} (${thrown.name})`, thrown);
}

function missingKeys(thrown: unknown): StoreFailure | undefined {
  if (!(thrown instanceof Error) || thrown.name !== 'CredentialsProviderError') return undefined;
  return new StoreFailure(
    'stop',
    'NO_CREDENTIALS',
    'there are no credentials: neither in the settings nor where the AWS SDK looks for them',
    thrown,
  );
}
