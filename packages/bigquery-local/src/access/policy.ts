// What a decision is made from: IAM policies and BigQuery's dataset access entries, and
// the port through which the decision reads them. Shapes: Resource Manager's Policy and
// the Dataset resource of BigQuery's REST reference.

export type Binding = {
  readonly role: string;
  readonly members: readonly string[];
  /** The binding counts only while this holds. */
  readonly condition?: Condition;
};

/** IAM's Expr. What an expression may say: `condition.ts`. */
export type Condition = {
  readonly expression: string;
  readonly title?: string;
  readonly description?: string;
  readonly location?: string;
};

/** The IAM policy of a project, a table or a service account. */
export type Policy = { readonly bindings: readonly Binding[] };

/** One entry of `Dataset.access[]`. Entries of views, routines and datasets grant nothing to callers. */
export type AccessEntry = {
  /** READER, WRITER, OWNER, `roles/…` or `projects/P/roles/…`. */
  readonly role?: string;
  readonly userByEmail?: string;
  readonly groupByEmail?: string;
  readonly domain?: string;
  readonly specialGroup?: string;
  readonly iamMember?: string;
  /** The entry counts only while this holds. */
  readonly condition?: Condition;
  readonly view?: unknown;
  readonly routine?: unknown;
  readonly dataset?: unknown;
};

export type DatasetAccess = {
  readonly access: readonly AccessEntry[];
  /** The hidden dataset of cached results: it inherits nothing from its project. */
  readonly anonymous?: boolean;
};

/**
 * Reads policies, synchronously and always as they are now. A decision compiles what it
 * gets once per object, so return the same object while nothing changed, a new one after
 * a change, and never mutate one that was returned. Returning a fresh object each time is
 * correct but slow.
 */
export interface PolicyReader {
  /** Undefined when there is no such project. */
  projectPolicy(projectId: string): Policy | undefined;
  /** Undefined when there is no such dataset; the project's policy still decides. */
  datasetAccess(projectId: string, datasetId: string): DatasetAccess | undefined;
  /** A table's own policy, where it has one. */
  tablePolicy?(projectId: string, datasetId: string, tableId: string): Policy | undefined;
  /** A routine's own policy, where it has one. */
  routinePolicy?(projectId: string, datasetId: string, routineId: string): Policy | undefined;
  /** A Cloud Storage bucket's own policy; undefined when there is no such bucket. */
  bucketPolicy?(bucket: string): Policy | undefined;
  /** Permissions of `projects/P/roles/ID`; undefined when it is missing, deleted or disabled. */
  customRole(name: string): ReadonlySet<string> | undefined;
  /** E-mails of the groups that a principal is in, directly or not. */
  groupsOf?(email: string): readonly string[];
  /** A service account's own policy: who may use the account. */
  serviceAccountPolicy?(email: string): Policy | undefined;
  /** A project that is marked for deletion: only its own state can be read and restored. */
  isProjectDeleted?(projectId: string): boolean;
  /** Whether this user administers the local directory. */
  isDirectoryAdmin?(email: string): boolean;
  /** Called once before each decision: see what other processes have changed. */
  refresh?(): void;
}
