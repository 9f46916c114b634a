// Jobs as they are remembered: one row per job, written when it is accepted and when it ends,
// or only when it ends where nobody has been told of it before. Shapes follow the Job resource of the BigQuery REST v2 reference.
import { BigQueryError } from '../bigquery-error.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';
import type { TableReference } from './datasets.ts';
import type { TableSchema } from './schema.ts';

export type ErrorProto = { readonly reason: string; readonly message: string; readonly location?: string };

export type JobState = 'PENDING' | 'RUNNING' | 'DONE';

export type JobOutcome = {
  readonly errorResult?: ErrorProto;
  readonly errors?: readonly ErrorProto[];
  /** `statistics.query`, `statistics.load` and `totalBytesProcessed`, as on the wire. */
  readonly statistics: Readonly<Record<string, unknown>>;
  /** Where the rows of the result are. */
  readonly destination?: TableReference;
  readonly schema?: TableSchema;
  readonly totalRows?: string;
};

export type Job = {
  readonly projectId: string;
  readonly location: string;
  readonly jobId: string;
  /** E-mail of its creator. */
  readonly owner: string;
  readonly state: JobState;
  readonly createdMs: number;
  readonly startedMs: number | undefined;
  readonly endedMs: number | undefined;
  /** As given, with BigQuery's defaults filled in. */
  readonly configuration: Readonly<Record<string, unknown>>;
  readonly outcome: JobOutcome | undefined;
  /** The script that it is a statement of. */
  readonly parentJobId?: string;
};

export const jobMigrations: readonly Migration[] = [
  {
    name: 'jobs-1',
    sql: `CREATE TABLE job (
      project_id TEXT NOT NULL, job_id TEXT NOT NULL, location TEXT NOT NULL, owner TEXT NOT NULL, state TEXT NOT NULL,
      created_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER, configuration TEXT NOT NULL, outcome TEXT,
      PRIMARY KEY (project_id, job_id)) STRICT;
      CREATE INDEX job_created ON job (project_id, created_ms DESC, job_id)`,
  },
  {
    name: 'jobs-2',
    sql: `ALTER TABLE job ADD COLUMN parent_job_id TEXT;
      CREATE INDEX job_parent ON job (project_id, parent_job_id) WHERE parent_job_id IS NOT NULL`,
  },
];

export type JobFilter = {
  /** Only jobs of this user; undefined = of all. */
  readonly owner: string | undefined;
  readonly states: readonly JobState[] | undefined;
  readonly minCreatedMs: number;
  readonly maxCreatedMs: number;
  /** Children of this job; undefined = jobs that are no children. */
  readonly parentJobId?: string;
  readonly offset: number;
  readonly limit: number;
};

export class Jobs {
  readonly #db: CatalogDatabase;
  /** Accepted jobs whose row may not be in the file. */
  readonly #held = new Map<string, Job>();

  constructor(db: CatalogDatabase) {
    this.#db = db;
  }

  get(projectId: string, jobId: string): Job | undefined {
    const row = this.#db.get('SELECT * FROM job WHERE project_id = ? AND job_id = ?', projectId, jobId);
    return row === undefined ? undefined : fromRow(row);
  }

  /** Throws 409 `duplicate` when the id is taken. */
  insert(job: Job): void {
    const inserted = this.#db.run(
      'INSERT OR IGNORE INTO job VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, ?, NULL, ?)',
      job.projectId,
      job.jobId,
      job.location,
      job.owner,
      job.state,
      job.createdMs,
      JSON.stringify(job.configuration),
      job.parentJobId ?? null,
    );
    if (inserted === 0) throw new BigQueryError('duplicate', `Already Exists: Job ${jobName(job)}`);
  }

  /**
   * As `insert`, but the row is written with the job's end: one commit less, for a job whose caller is told nothing
   * before. `release` it when it has ended. Whoever tells of a running job writes first (`writeHeld`).
   */
  hold(job: Job): void {
    const key = keyOf(job);
    if (this.#held.has(key) || this.get(job.projectId, job.jobId) !== undefined)
      throw new BigQueryError('duplicate', `Already Exists: Job ${jobName(job)}`);
    this.#held.set(key, job);
  }

  /** Before anybody is told of a job that is not done. */
  writeHeld(): void {
    // Only the file knows what is written: a transaction that did it may have been undone.
    for (const job of this.#held.values()) if (this.get(job.projectId, job.jobId) === undefined) this.insert(job);
  }

  release(job: Job): void {
    this.#held.delete(keyOf(job));
  }

  finish(job: Job): void {
    const held = this.#held.get(keyOf(job));
    if (held === undefined) {
      this.#end(job);
      return;
    }
    this.#db.transaction(() => {
      // A transaction that ended the job may have been undone: only the file knows whether the row is there.
      if (this.get(job.projectId, job.jobId) === undefined) this.insert(held);
      this.#end(job);
    });
  }

  #end(job: Job): void {
    this.#db.run(
      "UPDATE job SET state = 'DONE', started_ms = ?, ended_ms = ?, configuration = ?, outcome = ?, location = ? WHERE project_id = ? AND job_id = ?",
      job.startedMs ?? null,
      job.endedMs ?? null,
      JSON.stringify(job.configuration),
      JSON.stringify(job.outcome ?? null),
      job.location,
      job.projectId,
      job.jobId,
    );
  }

  /** With its child jobs. */
  delete(projectId: string, jobId: string): void {
    this.#db.transaction(() => {
      this.#db.run('DELETE FROM job WHERE project_id = ? AND job_id = ?', projectId, jobId);
      this.#db.run('DELETE FROM job WHERE project_id = ? AND parent_job_id = ?', projectId, jobId);
    });
  }

  /** Newest first. */
  list(projectId: string, filter: JobFilter): readonly Job[] {
    this.writeHeld();
    return this.#db
      .all(
        `SELECT * FROM job WHERE project_id = ? AND (? IS NULL OR owner = ?) AND created_ms BETWEEN ? AND ?
          AND (? IS NULL OR instr(?, state) > 0) AND parent_job_id IS ? ORDER BY created_ms DESC, job_id LIMIT ? OFFSET ?`,
        projectId,
        filter.owner ?? null,
        filter.owner ?? null,
        filter.minCreatedMs,
        filter.maxCreatedMs,
        filter.states?.join() ?? null,
        filter.states?.join() ?? null,
        filter.parentJobId ?? null,
        filter.limit,
        filter.offset,
      )
      .map(fromRow);
  }

  /** Ends the jobs that a dead server left behind. */
  recover(now: number): void {
    const outcome = {
      errorResult: {
        reason: 'backendError',
        message:
          'Job was interrupted: the server stopped while it was running. Nothing of it was committed after that.',
      },
      statistics: {},
    } satisfies JobOutcome;
    this.#db.run(
      "UPDATE job SET state = 'DONE', ended_ms = ?, outcome = ? WHERE state <> 'DONE'",
      now,
      JSON.stringify(outcome),
    );
  }

  /** Keeps the table of jobs bounded: BigQuery forgets jobs after six months. */
  forget(beforeMs: number): void {
    this.#db.run("DELETE FROM job WHERE state = 'DONE' AND created_ms < ?", beforeMs);
  }
}

function keyOf({ projectId, jobId }: Pick<Job, 'projectId' | 'jobId'>): string {
  return `${projectId}:${jobId}`;
}

/** BigQuery's name of a job in its texts: `project:location.id`. */
export function jobName(job: {
  readonly projectId: string;
  readonly location: string;
  readonly jobId: string;
}): string {
  return `${job.projectId}:${job.location}.${job.jobId}`;
}

function fromRow(row: Row): Job {
  const outcome = row['outcome'] === null ? undefined : (JSON.parse(String(row['outcome'])) as JobOutcome | null);
  return {
    projectId: String(row['project_id']),
    jobId: String(row['job_id']),
    location: String(row['location']),
    owner: String(row['owner']),
    state: row['state'] as JobState,
    createdMs: Number(row['created_ms']),
    startedMs: row['started_ms'] === null ? undefined : Number(row['started_ms']),
    endedMs: row['ended_ms'] === null ? undefined : Number(row['ended_ms']),
    configuration: JSON.parse(String(row['configuration'])) as Record<string, unknown>,
    outcome: outcome ?? undefined,
    ...(row['parent_job_id'] === null ? {} : { parentJobId: String(row['parent_job_id']) }),
  };
}
