export { conformanceProblems } from './conformance.ts';
export type { ConformanceSubject } from './conformance.ts';
export type * from './destination.ts';
export type * from './info.ts';
export { mappedColumns, mappingReferences } from './mapping/columns.ts';
export type { Reference } from './mapping/columns.ts';
export { compileMapping } from './mapping/compile.ts';
export { batchPolicyOf, withLiteralDefaults } from './run/batching.ts';
export { columnsRead, openDefinition } from './run/definition-runner.ts';
export type { RunnerOptions } from './run/definition-runner.ts';
export { segmentCore, validateDirectives } from './segment/core.ts';
export type {
  ActionDefinition,
  ActionShape,
  DestinationDefinition,
  DestinationShape,
  InputField,
} from './segment/definition.ts';
export { RESERVED_KEYS } from './segment/definition.ts';
export { EVENT_ROOTS, eventOf } from './segment/event.ts';
export type { EventContext, SegmentEvent } from './segment/event.ts';
export { describeShape } from './validation/describe.ts';
export { error, validateSpec } from './validation/validate.ts';
