export { conformanceProblems } from './conformance/promises.ts';
export type { ConformanceSubject } from './conformance/promises.ts';
export type * from './destination.ts';
export type * from './info.ts';
export { mappedColumns, mappingReferences } from './mapping/columns.ts';
export type { Reference } from './mapping/columns.ts';
export { compileMapping } from './mapping/compile.ts';
export { actionOf, importSubscription, parseSubscriptions } from './mapping/import/segment-subscription.ts';
export type { ImportedMapping, NotCarried, SegmentSubscription } from './mapping/import/segment-subscription.ts';
export { suggestMapping } from './mapping/suggest/suggest-mapping.ts';
export type { SuggestColumn, SuggestedMapping, Suggestion } from './mapping/suggest/suggest-mapping.ts';
export { createRedactor } from './redact.ts';
export type { Connector, ProxyOption } from './request/dispatcher.ts';
export { RequestError } from './request/errors.ts';
export type { RequestClient, RequestOptions } from './request/options.ts';
export type { ClientResponse } from './request/response.ts';
export { batchKeyOf, batchPolicyOf, withLiteralDefaults, withSettingDefaults } from './run/batching.ts';
export { failureOfThrown, verdictOfStatus } from './run/classify.ts';
export {
  askAudience,
  askDynamicField,
  performDefinitionHook,
  testDefinitionAuthentication,
} from './run/definition-connection.ts';
export { columnsRead, openDefinition } from './run/definition-runner.ts';
export type { RunnerOptions } from './run/definition-runner.ts';
export { tryRecord } from './run/try-record.ts';
export type { Trier } from './run/try-record.ts';
export { openSession, sessionColumns } from './run/session-runner.ts';
export type { Session, SessionOptions } from './run/session-runner.ts';
export { HttpPool } from './request/client.ts';
export { TokenStore, Tokens } from './run/tokens.ts';
export type { Renew } from './run/tokens.ts';
export { segmentCore, validateDirectives } from './segment/core.ts';
export type {
  ActionDefinition,
  ActionShape,
  DestinationDefinition,
  DestinationShape,
  ExecuteInput,
  HookDefinition,
  InputField,
} from './segment/definition.ts';
export { RESERVED_KEYS } from './segment/definition.ts';
export { EVENT_ROOTS, eventOf } from './segment/event.ts';
export type { EventContext, SegmentEvent } from './segment/event.ts';
export { capabilitiesOf, describeShape } from './validation/describe.ts';
export { connectionProblems, error, validateSpec } from './validation/validate.ts';
export { CASES, STATUS_CASES } from './conformance/cases.ts';
export type { CaseName, CaseResult } from './conformance/cases.ts';
export { Receiver } from './conformance/receiver.ts';
export type { Behaviour, ReceivedRequest, SimulatedAnswer, Vendor } from './conformance/receiver.ts';
export { runCases } from './conformance/run-cases.ts';
export type { CaseSubject } from './conformance/run-cases.ts';
export { samplePayload, sampleSettings, sampleValue } from './conformance/sample.ts';
