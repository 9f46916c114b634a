// The vocabulary of the one access decision: (principal, permission, resource) → decision.

export type Principal = {
  readonly kind: 'user' | 'serviceAccount';
  readonly email: string;
  /** The token's scopes allow only reading: permissions that change something are denied. */
  readonly readOnly?: boolean;
};

export type Resource =
  | { readonly kind: 'project'; readonly projectId: string }
  | { readonly kind: 'dataset'; readonly projectId: string; readonly datasetId: string }
  | { readonly kind: 'table'; readonly projectId: string; readonly datasetId: string; readonly tableId: string }
  | { readonly kind: 'routine'; readonly projectId: string; readonly datasetId: string; readonly routineId: string }
  | {
      readonly kind: 'job';
      readonly projectId: string;
      readonly location: string;
      readonly jobId: string;
      /** E-mail of its creator. */ readonly owner: string;
    }
  | { readonly kind: 'serviceAccount'; readonly projectId: string; readonly email: string }
  /** Users and groups: of no project. */
  | { readonly kind: 'directory'; readonly projectId: '' }
  | {
      readonly kind: 'bucket';
      readonly projectId: string;
      readonly bucket: string;
      /** The object in it that is meant, where one is: objects have no policy of their own. */
      readonly object?: string;
    };

/** A permission of Google's IAM: `bigquery.tables.getData`. */
export type Permission = string;

export type Grant = {
  /** The entry that grants it: `roles/bigquery.user on project p to serviceAccount:x@p…`. */
  readonly role: string;
  readonly member: string;
  readonly on: Resource;
};

export type Decision = { readonly allowed: true; readonly by: Grant } | { readonly allowed: false };

/** Decides and records. Nothing else in the server may answer "may they?". */
export interface AccessControl {
  decide(principal: Principal, permission: Permission, resource: Resource): Decision;
}
