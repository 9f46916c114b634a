// Resumable uploads ("Resumable uploads" of Google's API documentation): a session per
// upload, chunks by Content-Range, the job when the last byte has come.
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { BigQueryError } from '../../bigquery-error.ts';
import { newSpoolFile, type Spool } from './spool.ts';

export type UploadSession = {
  readonly id: string;
  readonly projectId: string;
  /** E-mail of who began it; nobody else may go on with it. */
  readonly owner: string;
  readonly job: Record<string, unknown>;
  readonly file: string;
  received: number;
  touchedMs: number;
  busy: boolean;
};

const MAX_SESSIONS = 1_000;
const MAX_IDLE_MS = 24 * 60 * 60 * 1000;

export class UploadSessions {
  readonly #spool: Spool;
  readonly #sessions = new Map<string, UploadSession>();

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  begin(projectId: string, owner: string, job: Record<string, unknown>): UploadSession {
    const now = Date.now();
    for (const session of this.#sessions.values())
      if (now - session.touchedMs > MAX_IDLE_MS) void this.end(session, true);
    if (this.#sessions.size >= MAX_SESSIONS)
      throw new BigQueryError('quotaExceeded', `Quota exceeded: at most ${MAX_SESSIONS} uploads at once.`);
    const session: UploadSession = {
      id: randomUUID(),
      projectId,
      owner,
      job,
      file: newSpoolFile(this.#spool),
      received: 0,
      touchedMs: now,
      busy: false,
    };
    this.#sessions.set(session.id, session);
    return session;
  }

  find(id: string, projectId: string, owner: string): UploadSession {
    const session = this.#sessions.get(id);
    if (session === undefined || session.projectId !== projectId || session.owner !== owner)
      throw new BigQueryError('notFound', 'Not found: the upload is unknown or has expired.');
    session.touchedMs = Date.now();
    return session;
  }

  async end(session: UploadSession, removeFile: boolean): Promise<void> {
    this.#sessions.delete(session.id);
    if (removeFile) await rm(session.file, { force: true });
  }
}

export type ContentRange = { readonly start: number | undefined; readonly total: number | undefined };

/** `bytes 0-524287/2000000`, `bytes 0-524287/*`, or a `*` for the range to ask how far it is; undefined without the header. */
export function parseContentRange(header: string | undefined): ContentRange | undefined {
  if (header === undefined) return undefined;
  const match = /^bytes\s+(?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(header.trim());
  if (match === null) throw new BigQueryError('badRequest', `Invalid Content-Range: ${header}`);
  return {
    start: match[1] === undefined ? undefined : Number(match[1]),
    total: match[3] === '*' ? undefined : Number(match[3]),
  };
}
