// The report of the permission advisor: what a source needs in BigQuery, what of it the
// account holds, what it holds beyond that, and the set-ups that give exactly what is needed.
// Plain data, safe to print as JSON; it holds no secret.
import type { CheckResult, GrantAdvice } from '../api.ts';

/** `projects/p`, `projects/p/datasets/d`, `…/tables/t` or `…/routines/r`. */
export type ResourceName = string;

export type Need = {
  readonly permission: string;
  readonly resource: ResourceName;
  /** What Sluice does with it, or which models do. */
  readonly why: string;
  /** False: the account lacks it. Absent: it could not be found out. */
  readonly held?: boolean;
};

/** How grave it is to hold what is not needed, the gravest first. */
export const EXCESS_KINDS = ['administers', 'writes', 'reads', 'sees'] as const;

export type ExcessKind = (typeof EXCESS_KINDS)[number];

export type Excess = {
  readonly resource: ResourceName;
  readonly kind: ExcessKind;
  /** Empty when only the role is known, from the dataset's access entries. */
  readonly permissions: readonly string[];
  readonly message: string;
  /** Predefined roles that hold these permissions, as far as they can be told from outside. */
  readonly roles: readonly string[];
};

export type ModelReads = {
  readonly model: string;
  /** `project.dataset.table`, views too. */
  readonly tables: readonly string[];
  readonly routines: readonly string[];
  /**
   * `analysis`: BigQuery's dry run says so. `text`: the dry run was refused, so the names are
   * those that the query's text and BigQuery's answers give; more may show once they are granted.
   */
  readonly from: 'analysis' | 'text';
  /** Why the query cannot run, when it is not for want of a permission. */
  readonly problem?: string;
};

/** Who makes the state dataset. */
export type Way = 'sluice_creates_dataset' | 'customer_creates_dataset';

/** One complete set-up in three notations; each is enough by itself. */
export type SetUpScript = {
  readonly way: Way;
  /** For a shell: gcloud and bq. */
  readonly shell: readonly string[];
  /** For the BigQuery editor, after `shellFirst`: what SQL cannot do is granted there. */
  readonly sql: readonly string[];
  /** Commands that the SQL supposes: roles and grants on the project. */
  readonly shellFirst: readonly string[];
  /** Resources of the Terraform provider `hashicorp/google`. */
  readonly terraform: string;
};

export type PermissionReport = {
  readonly source: string;
  readonly account: string;
  /** Who made the state dataset, as its ownership tells; `customer_creates_dataset` as long as there is none. */
  readonly way: Way;
  readonly needs: readonly Need[];
  readonly missing: readonly Need[];
  /** Ways to grant what is missing beside what is held; each is complete by itself. Empty when nothing is. */
  readonly additions: GrantAdvice['ways'];
  readonly excess: readonly Excess[];
  readonly models: readonly ModelReads[];
  /** What could not be compared, and why: an empty `excess` then says less. */
  readonly unchecked: readonly string[];
  readonly setUps: readonly SetUpScript[];
  /** The probes of Test connection that the report rests on. */
  readonly checks: readonly CheckResult[];
};
