// The calls of a definition that send no rows: testing the credentials, choices of fields,
// hooks and audiences. Promise: each ends within its time limit, opens and closes its own
// connections, renews expired OAuth tokens once, and gives what went wrong as a value
// without secrets.
import type { JsonObject } from '@sluice/core';
import { messageOf } from '@sluice/core';
import type {
  AudienceResult,
  AuthenticationResult,
  ConnectionSpec,
  DestinationSpec,
  DynamicChoice,
  DynamicFieldRequest,
  DynamicFieldResult,
  HookName,
  HookResult,
} from '../destination.ts';
import { createRedactor } from '../redact.ts';
import type { RequestClient } from '../request/options.ts';
import { segmentCore } from '../segment/core.ts';
import type { ActionDefinition, DestinationDefinition, ExecuteInput } from '../segment/definition.ts';
import { personasOf } from '../segment/event.ts';
import { withSettingDefaults } from './batching.ts';
import { failureOfThrown, statusOfThrown } from './classify.ts';
import type { RunnerOptions } from './definition-runner.ts';
import { passwordFields, poolOf } from './definition-runner.ts';
import { logger, statsClient } from './execute-input.ts';
import { limitCall } from './limit-call.ts';
import { freshTokensOf, refreshCall } from './refresh.ts';
import { Tokens, authTokensOf, secretsOf } from './tokens.ts';

const MAX_CHOICES = 10_000;

type Failed = { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly cause: string };

export async function testDefinitionAuthentication(
  definition: DestinationDefinition,
  spec: ConnectionSpec,
  options: RunnerOptions,
  signal: AbortSignal,
): Promise<AuthenticationResult> {
  const test = definition.authentication?.testAuthentication?.bind(definition.authentication);
  if (test === undefined) return { result: 'untested' };
  const answer = await callDefinition(definition, spec, options, signal, {}, (request, data) => test(request, data));
  if (!('failed' in answer)) return { result: 'valid' };
  const { cause, code, message } = answer.failed;
  // Any refusal of the vendor speaks about the credentials or settings: nothing else was sent.
  return { result: cause === 'later' ? 'unavailable' : 'invalid', code, message };
}

/** Names of parts as Segment's: `parent.child`, `parent.[3].child`. */
export async function askDynamicField(
  definition: DestinationDefinition,
  spec: DestinationSpec,
  asked: DynamicFieldRequest,
  options: RunnerOptions,
  signal: AbortSignal,
): Promise<DynamicFieldResult> {
  const found = dynamicFunctionOf(definition.actions[spec.action], asked);
  if (found === undefined) {
    return { kind: 'failed', code: 'NOT_DYNAMIC', message: `the field "${asked.field}" has no choices to ask for` };
  }
  const more = {
    payload: asked.payload ?? {},
    page: asked.page,
    dynamicFieldContext: found.context,
    hookInputs: asked.payload ?? {},
  };
  const answer = await callDefinition(definition, spec, options, signal, more, found.run);
  if ('failed' in answer) return withoutCause(answer.failed);
  const { choices, nextPage, error } = (answer.value ?? {}) as {
    choices?: unknown;
    nextPage?: unknown;
    error?: { message?: unknown; code?: unknown };
  };
  if (error !== undefined && error !== null) {
    const message = answer.redact(textOr(error.message, 'the destination gave no choices'));
    return { kind: 'failed', code: textOr(error.code, 'DYNAMIC_FIELD_FAILED'), message };
  }
  return {
    kind: 'choices',
    choices: (Array.isArray(choices) ? choices : []).slice(0, MAX_CHOICES).flatMap(choiceOf),
    ...(typeof nextPage === 'string' && nextPage !== '' ? { nextPage } : {}),
  };
}

export async function performDefinitionHook(
  definition: DestinationDefinition,
  spec: DestinationSpec,
  name: HookName,
  inputs: JsonObject,
  options: RunnerOptions,
  signal: AbortSignal,
): Promise<HookResult> {
  const hook = definition.actions[spec.action]?.hooks?.[name];
  if (hook === undefined) {
    return { kind: 'failed', code: 'NO_HOOK', message: `the action ${spec.action} has no hook ${name}` };
  }
  const checked = structuredClone(inputs);
  try {
    const fields = Object.entries(hook.inputFields ?? {}).map(([key, field]) => [
      key,
      { ...field, dynamic: field.dynamic !== undefined && field.dynamic !== false },
    ]);
    if (fields.length > 0) {
      segmentCore.validateSchema(checked, segmentCore.fieldsToJsonSchema(Object.fromEntries(fields)), {
        schemaKey: `${definition.slug}:${spec.action}:${name}`,
        exempt: ['dynamicAuthSettings'],
      });
    }
  } catch (error) {
    return { kind: 'failed', code: 'HOOK_INPUT_INVALID', message: messageOf(error) };
  }
  const more = {
    payload: {},
    hookInputs: checked,
    hookOutputs: savedHooks(definition.actions[spec.action], spec.fields),
  };
  const answer = await callDefinition(definition, spec, options, signal, more, (request, data) =>
    hook.performHook(request, data),
  );
  if ('failed' in answer) return withoutCause(answer.failed);
  const { savedData, successMessage, error } = (answer.value ?? {}) as {
    savedData?: JsonObject;
    successMessage?: unknown;
    error?: { message?: unknown; code?: unknown };
  };
  if (error !== undefined && error !== null) {
    const message = answer.redact(textOr(error.message, 'the hook failed without a message'));
    return { kind: 'failed', code: textOr(error.code, 'HOOK_FAILED'), message };
  }
  return {
    kind: 'saved',
    value: { inputs: checked, outputs: savedData ?? {} },
    ...(typeof successMessage === 'string' ? { message: successMessage } : {}),
  };
}

/** `createAudience` or `getAudience`; the mapping's hook outputs and audience settings go along. */
export async function askAudience(
  call: 'createAudience' | 'getAudience',
  definition: DestinationDefinition,
  spec: DestinationSpec,
  options: RunnerOptions,
  signal: AbortSignal,
): Promise<AudienceResult> {
  const { audienceConfig } = definition;
  const { audience } = spec;
  if (audienceConfig?.[call] === undefined || audience === undefined) {
    const why = audience === undefined ? 'the mapping keeps no audience' : `${definition.slug} cannot ${call}`;
    return { kind: 'failed', code: 'NO_AUDIENCE', message: why };
  }
  const personas = personasOf(audience);
  const more = {
    audienceName: audience.key,
    audienceSettings: personas.audience_settings,
    personas,
    externalId: audience.externalId,
    payload: undefined,
  };
  const answer = await callDefinition(definition, spec, options, signal, more, (request, data) =>
    audienceConfig[call]?.(request, data),
  );
  if ('failed' in answer) return withoutCause(answer.failed);
  const { externalId } = (answer.value ?? {}) as { externalId?: unknown };
  if ((typeof externalId !== 'string' || externalId === '') && typeof externalId !== 'number') {
    return { kind: 'failed', code: 'NO_AUDIENCE_ID', message: 'the destination gave no identifier for the audience' };
  }
  return { kind: 'audience', externalId: String(externalId) };
}

type Answer = { readonly value: unknown; readonly redact: (text: string) => string } | { readonly failed: Failed };

async function callDefinition(
  definition: DestinationDefinition,
  spec: ConnectionSpec,
  options: RunnerOptions,
  signal: AbortSignal,
  more: object,
  run: (request: RequestClient, data: object) => unknown,
): Promise<Answer> {
  const tokens = options.tokens ?? (spec.credentials === undefined ? undefined : new Tokens(spec.credentials));
  const fields = 'fields' in spec ? (spec.fields as JsonObject) : {};
  const redact = (text: string): string =>
    createRedactor(spec.settings, passwordFields(definition), fields, secretsOf(tokens?.current))(text);
  const settings = withSettingDefaults(definition.authentication?.fields, spec.settings);
  const timeoutMs = options.callTimeoutMs ?? options.fetchTimeoutMs * 3;
  await using http = poolOf(options, 4);
  const limited = (call: (limit: AbortSignal) => Promise<unknown>): Promise<unknown> => {
    const limit = new AbortController();
    return limitCall(() => call(limit.signal), limit, signal, timeoutMs);
  };
  for (let attempt = 1; ; attempt += 1) {
    const used = tokens?.current;
    try {
      const value = await limited(async (limit) => {
        const data = {
          settings,
          ...(used === undefined ? {} : { auth: authTokensOf(used) }),
          features: {},
          statsContext: { statsClient, tags: [] },
          logger,
          signal: limit,
          payload: undefined,
          ...more,
        };
        const defaults = definition.extendRequest?.(data as unknown as ExecuteInput) ?? {};
        return run(http.client(defaults, { signal: limit }), data);
      });
      return { value, redact };
    } catch (error) {
      const expired = statusOfThrown(error) === 401 && (used?.refreshToken ?? '') !== '';
      const canRefresh =
        options.renewCredentials !== undefined || definition.authentication?.refreshAccessToken !== undefined;
      if (attempt === 1 && expired && canRefresh && used !== undefined) {
        try {
          await tokens?.refresh(
            used.accessToken,
            async (current) =>
              freshTokensOf(await limited((limit) => refreshCall(definition, settings, current, http, limit))),
            async (fresh) => options.saveCredentials?.(fresh),
            options.renewCredentials,
          );
          continue;
        } catch {
          // The first refusal says what is wrong: the credentials.
        }
      }
      const { cause, code, message } = failureOfThrown(error, redact);
      return { failed: { kind: 'failed', cause, code, message } };
    }
  }
}

function dynamicFunctionOf(
  action: ActionDefinition | undefined,
  { field, part, selectedKey }: DynamicFieldRequest,
): { readonly run: (request: RequestClient, data: object) => unknown; readonly context: object } | undefined {
  const functions = action?.dynamicFields;
  if (functions === undefined) return undefined;
  const inList = /^(.+)\.\[(\d+)\]\.(.+)$/.exec(field);
  const [parent, child] = inList === null ? splitLast(field) : [inList[1] ?? '', inList[3]];
  const top = Object.hasOwn(functions, parent) ? functions[parent] : undefined;
  const context = {
    ...(inList === null ? {} : { selectedArrayIndex: Number(inList[2]) }),
    ...(selectedKey === undefined ? {} : { selectedKey }),
  };
  if (typeof top === 'function') return child === undefined && part === undefined ? { run: top, context } : undefined;
  const name = part === undefined ? child : `__${part}__`;
  const inner = top === undefined || name === undefined || !Object.hasOwn(top, name) ? undefined : top[name];
  return inner === undefined ? undefined : { run: inner, context };
}

function splitLast(field: string): [string, string | undefined] {
  const dot = field.lastIndexOf('.');
  return dot === -1 ? [field, undefined] : [field.slice(0, dot), field.slice(dot + 1)];
}

function savedHooks(action: ActionDefinition | undefined, fields: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.keys(action?.hooks ?? {}).flatMap((name) => {
      const saved = fields[name];
      return saved === undefined || saved === null ? [] : [[name, saved]];
    }),
  );
}

function choiceOf(choice: unknown): DynamicChoice[] {
  const { label, value, description } = (choice ?? {}) as { label?: unknown; value?: unknown; description?: unknown };
  if (typeof value !== 'string' && typeof value !== 'number') return [];
  const text = String(value);
  return [
    {
      label: typeof label === 'string' ? label : text,
      value: text,
      ...(typeof description === 'string' ? { description } : {}),
    },
  ];
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : otherwise;
}

function withoutCause({ kind, code, message }: Failed): Omit<Failed, 'cause'> {
  return { kind, code, message };
}
