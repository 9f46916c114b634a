// Destinations, one destination and one action for people.
import type { createRegistry } from '@sluice/destinations';
import { countOf, figure, printable } from './style.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';

type Registry = ReturnType<typeof createRegistry>;
type Info = NonNullable<ReturnType<Registry['describe']>>;
type Action = Info['actions'][number];
type Field = Action['fields'][number];

const SCHEMES: Readonly<Record<Info['authentication']['scheme'], string>> = {
  none: 'no sign-in',
  custom: 'keys in the settings',
  basic: 'user name and password in the settings',
  oauth2: 'OAuth',
  'oauth-managed': 'OAuth',
};

export function destinationListLines(
  destinations: readonly { readonly type: string; readonly name: string }[],
  width: number,
  style: Style,
): string[] {
  if (destinations.length === 0) return ['No destination has this text in its type or name.'];
  return [
    ...table(
      [{ title: 'Type' }, { title: 'Name' }],
      destinations.map(({ type, name }) => [type, name]),
      width,
      style,
    ),
    '',
    `${countOf(destinations.length, 'destination')}; more about one: sluice destinations show TYPE`,
  ];
}

export function excludedLines(
  excluded: readonly { readonly type: string; readonly name: string; readonly reason: string }[],
  width: number,
  style: Style,
): string[] {
  if (excluded.length === 0) return ['No excluded destination has this text in its type or name.'];
  return table(
    [{ title: 'Type' }, { title: 'Why it is not offered' }],
    excluded.map(({ type, reason }) => [type, reason]),
    width,
    style,
  );
}

export function destinationLines(info: Info, width: number, style: Style): string[] {
  const { authentication: auth } = info;
  return [
    `${style.bold(printable(info.name))}  ${info.type}`,
    ...(info.description === '' ? [] : [printable(info.description)]),
    '',
    `Sign-in: ${SCHEMES[auth.scheme]}${auth.canTest || auth.scheme === 'none' ? '' : '; the destination cannot tell whether they are right'}`,
    ...auth.environment.map((name) => `Environment: ${name} must be set`),
    ...(info.audience === undefined ? [] : ['Keeps an audience per mapping']),
    '',
    style.bold('Settings'),
    ...fieldTable(info.settings, width, style),
    '',
    style.bold('Actions'),
    ...table(
      [
        { title: 'Action' },
        { title: 'Title' },
        { title: 'Rows per request', align: 'right' },
        { title: 'Sync modes' },
        { title: 'Deletes' },
      ],
      info.actions.map((action) => [
        action.key,
        action.title,
        figure(action.batch?.maxRows ?? 1),
        action.syncModes?.choices.join(', ') ?? '',
        action.capabilities.deletes === 'none' ? '' : action.capabilities.deletes,
      ]),
      width,
      style,
    ),
    '',
    `Fields of an action: sluice destinations show ${info.type} ACTION`,
  ];
}

export function actionLines(info: Info, action: Action, width: number, style: Style): string[] {
  const { batch, capabilities, syncModes } = action;
  return [
    `${style.bold(printable(action.title))}  ${info.type} ${action.key}`,
    ...(action.description === '' ? [] : [printable(action.description)]),
    '',
    batch === undefined
      ? 'One row per request.'
      : `Up to ${figure(batch.maxRows)} rows per request; ${capabilities.perRowOutcomes ? 'each row has its own answer' : 'a request is accepted or refused whole'}.`,
    ...(capabilities.success === 'accepted'
      ? ['The destination queues the rows and does not say what became of them.']
      : []),
    ...(syncModes === undefined ? [] : [`Sync modes: ${syncModes.choices.join(', ')}.`]),
    ...(action.hooks.length === 0
      ? []
      : [`Hooks when the mapping is saved: ${action.hooks.map(({ name }) => name).join(', ')}.`]),
    '',
    style.bold('Fields'),
    ...fieldTable(
      action.fields.filter(({ hidden }) => hidden !== true),
      width,
      style,
    ),
  ];
}

function fieldTable(fields: readonly Field[], width: number, style: Style): string[] {
  if (fields.length === 0) return ['none'];
  return table(
    [{ title: 'Name' }, { title: 'Type' }, { title: 'Required' }, { title: 'Description' }],
    fields.map((field) => [
      field.name,
      `${field.type}${field.dynamic === true ? ' (choices from the destination)' : ''}`,
      field.required ? 'yes' : field.requiredWhen === undefined ? '' : 'sometimes',
      [choicesText(field), field.description === '' ? field.label : field.description]
        .filter((text) => text !== '')
        .join(' '),
    ]),
    width,
    style,
  );
}

function choicesText({ choices }: Field): string {
  if (choices === undefined || choices.length === 0 || choices.length > 12) return '';
  return `One of ${choices.map(({ value }) => (typeof value === 'string' ? value : JSON.stringify(value))).join(', ')}.`;
}
