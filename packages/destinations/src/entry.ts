// What the registry holds per destination, whether it comes from Segment's catalogue or
// is written here.
import type { DestinationShape, DestinationSpec, Diagnostic, OpenDestination } from '@sluice/destination-kit';

export type OpenOptions = {
  readonly fetchTimeoutMs: number;
  readonly userAgent: string;
  /** Relative paths in settings start here. */
  readonly baseDirectory: string;
};

export type DestinationEntry = {
  readonly type: string;
  readonly name: string;
  /** Loads the definition, on first use. */
  shape(): DestinationShape;
  /** Problems that the shape alone does not show. */
  check(spec: DestinationSpec, modelColumns: readonly string[]): readonly Diagnostic[];
  /** Of a valid spec: the columns of the model that the mapping reads. */
  columns(spec: DestinationSpec): ReadonlySet<string> | 'all';
  open(spec: DestinationSpec, options: OpenOptions): Promise<OpenDestination>;
};
