// What a destination is and can do, as data: for validation, forms, documents and the
// engine's decisions. Made from definitions by `describeShape`.
import type { JsonValue } from '@sluice/core';

/** One field of an action, a setting, a hook's input or an audience setting. */
export type FieldInfo = {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  /** `string`, `number`, `object[]`, …: the definition's type, with `[]` for a list. */
  readonly type: string;
  readonly required: boolean;
  /** The field is required when these hold (Segment's field conditions). */
  readonly requiredWhen?: JsonValue;
  readonly default?: JsonValue;
  readonly choices?: readonly { readonly label: string; readonly value: JsonValue }[];
  /** The vendor can be asked for choices (`dynamicField`). */
  readonly dynamic?: true;
  /** Never shown again once it is set. */
  readonly secret?: true;
  /** `email`, `uri`, `date-time`, …: a JSON Schema format. */
  readonly format?: string;
  readonly allowNull?: true;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly placeholder?: string;
  /** Parts of an object or of the objects of a list. */
  readonly properties?: readonly FieldInfo[];
  /** The object takes other keys beside `properties`. */
  readonly additionalProperties?: true;
  /** Shown only when these conditions on other fields hold. */
  readonly dependsOn?: JsonValue;
  /** Steers the host and is of no interest for a user. */
  readonly hidden?: true;
};

export type AuthenticationInfo = {
  /** `oauth-managed` is OAuth whose client belongs to the host; here it is the user's, as with `oauth2`. */
  readonly scheme: 'none' | 'custom' | 'basic' | 'oauth2' | 'oauth-managed';
  /** `testAuthentication` asks the vendor; false means that nobody can tell. */
  readonly canTest: boolean;
  /** Expired OAuth tokens are renewed. */
  readonly canRefresh: boolean;
  /** Environment variables that the definition reads secrets from: the same for all connections. */
  readonly environment: readonly string[];
};

/** What an action promises; the engine decides by it, and documents quote it. */
export type Capabilities = {
  /** Each row of a batch has its own answer; otherwise a batch succeeds or fails whole. */
  readonly perRowOutcomes: boolean;
  /** Sending the same rows again leaves the destination as it is. False also when nobody knows. */
  readonly idempotent: boolean;
  /**
   * `keyed`: deleted records are removed by their identifier. `membership`: they leave an audience or
   * list. `none`: the action sends a deleted record like any other row.
   */
  readonly deletes: 'keyed' | 'membership' | 'none';
  /** Rows become visible together; see `Transaction`. */
  readonly transactions: boolean;
  /** `accepted`: the vendor has queued the rows and says no more. */
  readonly success: 'delivered' | 'accepted';
  /** Rows arrive in the plan's order. */
  readonly ordered: boolean;
};

export type HookInfo = {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly inputs: readonly FieldInfo[];
  readonly outputs: readonly { readonly name: string; readonly label: string; readonly type: string }[];
};

export type ActionInfo = {
  readonly key: string;
  readonly title: string;
  readonly description: string;
  readonly fields: readonly FieldInfo[];
  /** Absent when the action has no sync mode. */
  readonly syncModes?: { readonly default: string; readonly choices: readonly string[] };
  /** Absent when each request carries one row. */
  readonly batch?: { readonly maxRows: number; readonly maxBytes: number; readonly keys: readonly string[] };
  readonly dynamicFields: readonly string[];
  readonly hooks: readonly HookInfo[];
  readonly capabilities: Capabilities;
};

export type DestinationInfo = {
  readonly type: string;
  readonly name: string;
  readonly description: string;
  readonly authentication: AuthenticationInfo;
  /** The fields of the authentication and all others. */
  readonly settings: readonly FieldInfo[];
  /** Present when a mapping keeps an audience; `creates` when the vendor can be told to make it. */
  readonly audience?: { readonly creates: boolean; readonly fields: readonly FieldInfo[] };
  readonly actions: readonly ActionInfo[];
};
