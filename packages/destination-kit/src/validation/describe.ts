// A destination's shape as documentation: what the CLI prints and a form would show.
import type { JsonValue } from '@sluice/core';
import type { ActionInfo, AuthenticationInfo, Capabilities, DestinationInfo, FieldInfo, HookInfo } from '../info.ts';
import { batchPolicyOf } from '../run/batching.ts';
import type { ActionDefinition, ActionShape, DestinationShape, HookShape, InputField } from '../segment/definition.ts';
import { RESERVED_KEYS } from '../segment/definition.ts';

export function describeShape(shape: DestinationShape): DestinationInfo {
  const { authentication, audienceConfig } = shape;
  return {
    type: shape.slug,
    name: shape.name,
    description: shape.description ?? '',
    authentication: {
      scheme: schemeOf(authentication?.scheme),
      canTest: authentication?.testAuthentication !== undefined,
      canRefresh: authentication?.refreshAccessToken !== undefined,
      environment: shape.environment ?? [],
    },
    settings: fieldInfos(authentication?.fields ?? {}),
    ...(audienceConfig === undefined
      ? {}
      : {
          audience: {
            creates: audienceConfig.createAudience !== undefined,
            fields: fieldInfos(shape.audienceFields ?? {}),
          },
        }),
    actions: Object.entries(shape.actions).map(([key, action]) => describeAction(key, action)),
  };
}

/** What an action can do: what it declares, and what its definition shows. */
export function capabilitiesOf(action: ActionShape): Capabilities {
  const modes = action.syncMode?.choices.map((choice) => choice.value) ?? [];
  const deletes = modes.includes('mirror') ? 'membership' : modes.includes('delete') ? 'keyed' : 'none';
  return {
    perRowOutcomes: false,
    idempotent: false,
    deletes,
    transactions: false,
    success: 'delivered',
    ordered: false,
    ...action.capabilities,
  };
}

function describeAction(key: string, action: ActionShape): ActionInfo {
  const batch = batchOf(action);
  return {
    key,
    title: action.title,
    description: action.description,
    fields: fieldInfos(action.fields),
    ...(action.syncMode === undefined
      ? {}
      : {
          syncModes: {
            default: action.syncMode.default,
            choices: action.syncMode.choices.map((choice) => choice.value),
          },
        }),
    ...(batch === undefined ? {} : { batch }),
    dynamicFields: Object.keys(action.dynamicFields ?? {}),
    hooks: Object.entries(action.hooks ?? {}).map(([name, hook]) => describeHook(name, hook)),
    capabilities: capabilitiesOf(action),
  };
}

function batchOf(action: ActionShape): ActionInfo['batch'] {
  if (action.batch !== undefined) return { ...action.batch, keys: [] };
  if (!('performBatch' in action) || action.performBatch === undefined) return undefined;
  const { maxRows, maxBytes } = batchPolicyOf(action as ActionDefinition, { enable_batching: true });
  const keys = action.fields['batch_keys']?.default;
  return { maxRows, maxBytes, keys: Array.isArray(keys) ? keys.filter((name) => typeof name === 'string') : [] };
}

function describeHook(name: string, hook: HookShape): HookInfo {
  return {
    name,
    label: hook.label ?? name,
    description: hook.description ?? '',
    inputs: fieldInfos(hook.inputFields ?? {}),
    outputs: Object.entries(hook.outputTypes ?? {}).map(([output, { label, type }]) => ({
      name: output,
      label: label ?? output,
      type: type ?? 'string',
    })),
  };
}

function fieldInfos(fields: Readonly<Record<string, InputField>>): FieldInfo[] {
  return Object.entries(fields).map(([name, field]) => fieldInfo(name, field));
}

function fieldInfo(name: string, field: InputField): FieldInfo {
  return {
    name,
    label: field.label,
    description: field.description ?? '',
    type: field.multiple === true ? `${field.type}[]` : field.type,
    required: field.required === true,
    ...(typeof field.required === 'object' ? { requiredWhen: field.required as JsonValue } : {}),
    ...(field.default === undefined ? {} : { default: field.default }),
    ...(field.choices === undefined ? {} : { choices: field.choices.map(choiceInfo) }),
    ...(field.dynamic === undefined || field.dynamic === false ? {} : { dynamic: true as const }),
    ...(field.type === 'password' ? { secret: true as const } : {}),
    ...(field.format === undefined ? {} : { format: field.format }),
    ...(field.allowNull === true ? { allowNull: true as const } : {}),
    ...(field.minimum === undefined ? {} : { minimum: field.minimum }),
    ...(field.maximum === undefined ? {} : { maximum: field.maximum }),
    ...(field.placeholder === undefined ? {} : { placeholder: field.placeholder }),
    ...(field.properties === undefined ? {} : { properties: fieldInfos(field.properties) }),
    ...(field.additionalProperties === true ? { additionalProperties: true as const } : {}),
    ...(field.depends_on === undefined ? {} : { dependsOn: field.depends_on as JsonValue }),
    ...(field.unsafe_hidden === true || RESERVED_KEYS.has(name) ? { hidden: true as const } : {}),
  };
}

function choiceInfo(choice: NonNullable<InputField['choices']>[number]): {
  readonly label: string;
  readonly value: JsonValue;
} {
  return typeof choice === 'string' ? { label: choice, value: choice } : choice;
}

function schemeOf(scheme: string | undefined): AuthenticationInfo['scheme'] {
  return scheme === 'basic' || scheme === 'oauth2' || scheme === 'oauth-managed'
    ? scheme
    : scheme === undefined
      ? 'none'
      : 'custom';
}
