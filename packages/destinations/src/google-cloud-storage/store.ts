// Puts objects into a bucket with Google's client. An object is only ever created: when its
// name is taken it is the same batch's, so nothing is replaced and the right to create is
// all that is needed. It retries nothing by itself: the engine does.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ApiError, Storage } from '@google-cloud/storage';
import type { AuthenticationResult, ConnectionSpec, Diagnostic } from '@sluice/destination-kit';
import { error } from '@sluice/destination-kit';
import { JWT } from 'google-auth-library';
import type { ObjectStore, Part } from '../object-store/object-store.ts';
import { StoreFailure } from '../object-store/object-store.ts';

const REQUEST_TIMEOUT_MS = 120_000;
const NEEDED = 'storage.objects.create';
const SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write';

type KeyFile = {
  readonly client_email: string;
  readonly private_key: string;
  readonly private_key_id?: string;
  readonly project_id?: string;
};

export function cloudStorageProblems({ settings }: ConnectionSpec): Diagnostic[] {
  const { bucket, endpoint, credentials } = settings;
  const problems: Diagnostic[] = [];
  if (typeof bucket === 'string' && bucket !== '' && !/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(bucket))
    problems.push(
      error(
        'settings.bucket',
        `"${bucket}" cannot be a bucket`,
        'small letters, digits, dots, dashes and underscores, without gs://',
      ),
    );
  if (typeof endpoint === 'string' && endpoint !== '' && !/^https?:\/\/[^/?#@\s]+\/?$/.test(endpoint))
    problems.push(error('settings.endpoint', 'the endpoint must be a URL without a path'));
  if (typeof credentials === 'string' && credentials !== '' && keyFileOf(credentials) === undefined)
    problems.push(
      error(
        'settings.credentials',
        'the credentials are not the JSON key of a service account',
        'paste the whole file, with client_email and private_key',
      ),
    );
  return problems;
}

function keyFileOf(text: string): KeyFile | undefined {
  try {
    const key = JSON.parse(text) as Partial<KeyFile> | null;
    return typeof key?.client_email === 'string' && typeof key.private_key === 'string' ? (key as KeyFile) : undefined;
  } catch {
    return undefined;
  }
}

function clientOf({ settings }: ConnectionSpec): Storage {
  const { endpoint, credentials } = settings;
  const key = typeof credentials === 'string' ? keyFileOf(credentials) : undefined;
  return new Storage({
    ...(typeof endpoint === 'string' && endpoint !== '' ? { apiEndpoint: endpoint.replace(/\/$/, '') } : {}),
    useAuthWithCustomEndpoint: true,
    ...(key === undefined ? {} : { authClient: signerOf(key), projectId: key.project_id ?? 'none' }),
    retryOptions: { autoRetry: false, maxRetries: 0, totalTimeout: REQUEST_TIMEOUT_MS / 1000 },
    timeout: REQUEST_TIMEOUT_MS,
  });
}

function bucketName(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('settings.bucket is not a text');
  return value;
}

// Google takes tokens that the key itself signs (https://google.aip.dev/auth/4111), so there
// is no exchange that could fail or wait.
function signerOf(key: KeyFile): JWT {
  const signer = new JWT({
    email: key.client_email,
    key: key.private_key,
    ...(key.private_key_id === undefined ? {} : { keyId: key.private_key_id }),
    scopes: [SCOPE],
  });
  signer.useJWTAccessWithScope = true;
  return signer;
}

export class CloudStorageStore implements ObjectStore {
  readonly #bucket: ReturnType<Storage['bucket']>;
  readonly #kmsKeyName: string | undefined;

  constructor(spec: ConnectionSpec) {
    const { bucket, kms_key_name: kms } = spec.settings;
    this.#bucket = clientOf(spec).bucket(bucketName(bucket));
    this.#kmsKeyName = typeof kms === 'string' && kms !== '' ? kms : undefined;
  }

  async put({ key, body, contentType }: Part, signal: AbortSignal): Promise<void> {
    const file = this.#bucket.file(key, this.#kmsKeyName === undefined ? {} : { kmsKeyName: this.#kmsKeyName });
    const upload = file.createWriteStream({
      contentType,
      resumable: false,
      validation: 'crc32c',
      timeout: REQUEST_TIMEOUT_MS,
      preconditionOpts: { ifGenerationMatch: 0 },
    });
    try {
      await pipeline(Readable.from([body]), upload, { signal });
    } catch (thrown) {
      if (statusOf(thrown) === 412) return;
      throw failureOf(thrown, this.#bucket.name);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The client keeps no connection that would have to be closed.
  }
}

export async function testCloudStorage(spec: ConnectionSpec): Promise<AuthenticationResult> {
  const bucket = clientOf(spec).bucket(bucketName(spec.settings['bucket']));
  try {
    const [permissions] = await bucket.iam.testPermissions([NEEDED]);
    if (permissions[NEEDED] === true) return { result: 'valid' };
    return {
      result: 'invalid',
      code: 'PERMISSION_MISSING',
      message: `the account may not create objects in the bucket ${bucket.name}: it lacks ${NEEDED} (role Storage Object Creator)`,
    };
  } catch (thrown) {
    const failure = failureOf(thrown, bucket.name);
    const message = failure instanceof Error ? failure.message : String(failure);
    if (failure instanceof StoreFailure)
      return { result: failure.reason === 'later' ? 'unavailable' : 'invalid', code: failure.code, message };
    const code = failure instanceof Error && 'code' in failure ? String(failure.code) : 'NOT_REACHED';
    return { result: 'unavailable', code, message };
  }
}

// The client puts the status of an answer into `code`, of the token server's into the response.
function statusOf(thrown: unknown): number | undefined {
  if (thrown instanceof ApiError && typeof thrown.code === 'number') return thrown.code;
  const { code, status, response } = (thrown ?? {}) as { code?: unknown; status?: unknown; response?: unknown };
  const inner = (response as { status?: unknown } | undefined)?.status;
  return [inner, status, code].map(Number).find((each) => Number.isInteger(each) && each >= 300 && each < 600);
}

/** A failure that says what it means, or the socket's own error. */
function failureOf(thrown: unknown, bucket: string): unknown {
  const status = statusOf(thrown);
  if (status === undefined) return thrown;
  const text = saidBy(thrown) ?? `status ${status}`;
  const later = status === 408 || status === 429 || status >= 500;
  return new StoreFailure(later ? 'later' : 'stop', `HTTP_${status}`, `the bucket ${bucket}: ${text}`, thrown);
}

/** What the server says; the client's own text for several errors has a list with their numbers. */
function saidBy(thrown: unknown): string | undefined {
  const { errors, message } = (thrown ?? {}) as { errors?: unknown; message?: unknown };
  const said = Array.isArray(errors) ? errors.map((each: { message?: unknown } | null) => each?.message) : [];
  return [...said, message].find((each) => typeof each === 'string' && each !== '') as string | undefined;
}
