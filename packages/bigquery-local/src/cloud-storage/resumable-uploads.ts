// Resumable uploads ("Resumable uploads" of the Cloud Storage documentation): sessions in
// memory, bounded in number and age. A session is its creator's; the bytes are an
// ObjectWriter's until the last one has come.
import { randomUUID } from 'node:crypto';
import type { StoredObject } from '../catalog/buckets.ts';
import type { ObjectName } from './object-operations.ts';
import type { ObjectWriter } from './object-files.ts';
import type { Preconditions } from './preconditions.ts';
import { StorageError } from './storage-error.ts';

export type UploadSession = {
  readonly id: string;
  readonly object: ObjectName;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly conditions: Preconditions;
  /** E-mail of who began it. */
  readonly owner: string;
  readonly writer: ObjectWriter;
  /** Set when all has come: a repeated last request gets the same answer. */
  done: StoredObject | undefined;
  touchedMs: number;
  busy: boolean;
};

const MAX_SESSIONS = 1_000;
/** Finished ones are kept for repeated requests while there are no more than this. */
const MAX_KEPT = 100;
/** "Session URIs expire after one week." */
const MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;

export class ResumableUploads {
  readonly #sessions = new Map<string, UploadSession>();
  readonly #clock: () => number;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** 429 when too many are open. */
  async begin(
    session: Pick<UploadSession, 'object' | 'metadata' | 'conditions' | 'owner' | 'writer'>,
  ): Promise<string> {
    const now = this.#clock();
    for (const old of this.#sessions.values()) {
      const finished = old.done !== undefined && this.#sessions.size >= MAX_KEPT;
      if (!old.busy && (finished || now - old.touchedMs > MAX_AGE_MS)) await this.end(old);
    }
    if (this.#sessions.size >= MAX_SESSIONS)
      throw new StorageError(429, 'rateLimitExceeded', `At most ${MAX_SESSIONS} resumable uploads may be open.`);
    const id = randomUUID();
    this.#sessions.set(id, { ...session, id, done: undefined, touchedMs: now, busy: false });
    return id;
  }

  /** 404 for one that is unknown, has expired or is somebody else's; 409 while another request writes to it. */
  find(id: string, bucket: string, owner: string): UploadSession {
    const session = this.#sessions.get(id);
    if (session === undefined || session.object.bucket !== bucket || session.owner !== owner)
      throw new StorageError(404, 'notFound', 'The upload is unknown or has expired: begin it again.');
    if (session.busy) throw new StorageError(409, 'conflict', 'Another request of this upload is still under way.');
    session.touchedMs = this.#clock();
    return session;
  }

  async end(session: UploadSession): Promise<void> {
    this.#sessions.delete(session.id);
    if (session.done === undefined) await session.writer.discard();
  }
}

export type ContentRange = {
  /** Undefined: the request asks how far the upload is. */
  readonly start: number | undefined;
  /** Exclusive; undefined: up to the end of the request. */
  readonly end: number | undefined;
  /** Size of the whole object; undefined = not known yet. */
  readonly total: number | undefined;
};

/** `bytes 0-524287/2000000`, `bytes 0-524287/*`, `bytes 0-*` with either, or a `*` for the range. Throws 400. */
export function parseContentRange(header: string): ContentRange {
  const match = /^bytes\s+(?:(\d{1,15})-(\d{1,15}|\*)|\*)\/(\d{1,15}|\*)$/.exec(header.trim());
  const number = (text: string | undefined): number | undefined =>
    text === undefined || text === '*' ? undefined : Number(text);
  const start = number(match?.[1]);
  const last = number(match?.[2]);
  const total = number(match?.[3]);
  const end = last === undefined ? undefined : last + 1;
  if (
    match === null ||
    (end !== undefined && (end <= start! || (total !== undefined && end > total))) ||
    (start !== undefined && total !== undefined && start > total)
  )
    throw new StorageError(400, 'badRequest', `Failed to parse Content-Range header: ${header.slice(0, 100)}`);
  return { start, end, total };
}
