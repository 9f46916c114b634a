// The public types of Test connection: its checks in their order, and what would mend them.
/** The checks of testConnection, in their order. */
export const CHECKS = [
  'key',
  'token',
  'project',
  'jobs',
  'location',
  'state_dataset',
  /** Create a table in the state dataset. */
  'state_tables',
  'state_write',
  'state_read',
  /** Read through the Storage Read API; only when the source reads so. */
  'storage_read',
  /** Drop it again: useful, not needed. */
  'state_drop',
] as const;

export type CheckName = (typeof CHECKS)[number];

export type CheckResult = {
  readonly check: CheckName;
  readonly ok: boolean;
  /** True when an earlier failure made this check impossible; `ok` is then false. */
  readonly skipped?: boolean;
  /** True when the check failed because the service refused `permission` on `resource`. */
  readonly denied?: true;
  /** The BigQuery permission that the check is about, for example `bigquery.jobs.create`. */
  readonly permission?: string;
  /** The resource that it is about, for example `projects/my-project`. */
  readonly resource?: string;
  readonly message: string;
  readonly fix?: Fix;
  /**
   * The check passed without `permission`, which is useful but not needed; the message says
   * what goes without it, and `fix` how to grant it.
   */
  readonly optional?: true;
};

export type Fix = {
  readonly words: string;
  /** To be run in a shell, or as SQL in BigQuery when it starts with CREATE or GRANT. */
  readonly command: string;
  /** A narrower grant, for accounts with a custom role. */
  readonly alternative?: { readonly words: string; readonly command: string };
};

/** A permission that is missing on a resource, for example `bigquery.jobs.create` on `projects/p`. */
export type Requirement = { readonly permission: string; readonly resource: string };

/** The smallest grants that let every failed check pass. */
export type GrantAdvice = {
  /** Empty when no check failed for want of a permission. */
  readonly needed: readonly Requirement[];
  /** Ways to grant all of them; each is complete by itself. Commands are for a shell. */
  readonly ways: readonly { readonly words: string; readonly commands: readonly string[] }[];
};
