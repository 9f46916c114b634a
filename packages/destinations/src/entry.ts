// What the registry holds per destination, whether it comes from Segment's catalogue or
// is written here.
import type { JsonObject } from '@sluice/core';
import type {
  AudienceResult,
  AuthenticationResult,
  ConnectionSpec,
  Credentials,
  DestinationShape,
  DestinationSpec,
  Diagnostic,
  DynamicFieldRequest,
  DynamicFieldResult,
  HookName,
  HookResult,
  OpenDestination,
  Renew,
  RunnerOptions,
  Tokens,
} from '@sluice/destination-kit';

export type OpenOptions = {
  /** For one HTTP exchange, in milliseconds. */
  readonly fetchTimeoutMs: number;
  readonly userAgent: string;
  /** Relative paths in settings start here. */
  readonly baseDirectory: string;
  /** Of a connection with OAuth: shared by everything that uses it. */
  readonly tokens?: Tokens;
  /** Called before refreshed tokens are used. */
  readonly saveCredentials?: (credentials: Credentials) => Promise<void>;
  /** In its place: see `renewCredentials` of the contract. */
  readonly renewCredentials?: Renew;
  /** Limits and connections of the HTTP client, beside what stands here. */
  readonly runner?: Partial<RunnerOptions>;
};

export type DestinationEntry = {
  readonly type: string;
  readonly name: string;
  /** `catalogue`: a definition of `@segment/action-destinations`; `native`: written here. */
  readonly origin: 'catalogue' | 'native';
  /** Sends everything through our HTTP client. */
  readonly http?: boolean;
  /** Loads the definition, on first use. */
  shape(): DestinationShape;
  /** Problems that the shape alone does not show. */
  check(spec: DestinationSpec, modelColumns: readonly string[]): readonly Diagnostic[];
  /** Problems of settings that the shape alone does not show. */
  checkConnection?(spec: ConnectionSpec): readonly Diagnostic[];
  /** Of a valid spec: the columns of the model that the mapping reads. */
  columns(spec: DestinationSpec): ReadonlySet<string> | 'all';
  open(spec: DestinationSpec, options: OpenOptions): Promise<OpenDestination>;
  /** None of these throws for the other side's sake. Absent: the destination has no such thing. */
  testAuthentication?(spec: ConnectionSpec, options: OpenOptions, signal: AbortSignal): Promise<AuthenticationResult>;
  dynamicField?(
    spec: DestinationSpec,
    request: DynamicFieldRequest,
    options: OpenOptions,
    signal: AbortSignal,
  ): Promise<DynamicFieldResult>;
  performHook?(
    spec: DestinationSpec,
    hook: HookName,
    inputs: JsonObject,
    options: OpenOptions,
    signal: AbortSignal,
  ): Promise<HookResult>;
  createAudience?(spec: DestinationSpec, options: OpenOptions, signal: AbortSignal): Promise<AudienceResult>;
  getAudience?(spec: DestinationSpec, options: OpenOptions, signal: AbortSignal): Promise<AudienceResult>;
};
