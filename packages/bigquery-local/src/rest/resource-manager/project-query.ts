// The filter of projects.list (v1) and the query of projects.search (v3): `id:`, `name:`,
// `labels.key:value` and the state, with `*`, joined by blanks or AND. Anything else is
// refused by name, never ignored.
import { BigQueryError } from '../../bigquery-error.ts';
import { stateOf } from '../../catalog/projects.ts';
import type { Project } from '../../catalog/projects.ts';

type Matches = (project: Project) => boolean;

export function projectQuery(text: string | undefined): Matches {
  const terms = (text ?? '').split(/\s+/).filter((term) => term !== '' && term !== 'AND');
  const matchers = terms.map(term);
  return (project) => matchers.every((matches) => matches(project));
}

function term(text: string): Matches {
  const match = /^([A-Za-z][A-Za-z0-9_.-]*)[:=]"?([^"\s]*)"?$/.exec(text);
  if (match === null) throw unsupported(text);
  const [, field = '', value = ''] = match;
  const matches = pattern(value);
  switch (field.toLowerCase()) {
    case 'id':
    case 'projectid':
      return (project) => matches(project.projectId);
    case 'name':
    case 'displayname':
      return (project) => matches(project.displayName);
    case 'projectnumber':
      return (project) => matches(project.projectNumber);
    case 'lifecyclestate':
    case 'state':
      return (project) => matches(stateOf(project));
    default: {
      if (!field.startsWith('labels.')) throw unsupported(text);
      const key = field.slice('labels.'.length);
      return (project) => Object.hasOwn(project.labels, key) && matches(project.labels[key] ?? '');
    }
  }
}

function pattern(value: string): (text: string) => boolean {
  const parts = value.toLowerCase().split('*');
  return (text) => {
    const whole = text.toLowerCase();
    if (parts.length === 1) return whole === parts[0];
    const [first = ''] = parts;
    const last = parts.at(-1) ?? '';
    if (!whole.startsWith(first) || !whole.endsWith(last) || whole.length < first.length + last.length) return false;
    let from = first.length;
    for (const middle of parts.slice(1, -1)) {
      const at = whole.indexOf(middle, from);
      if (at < 0 || at + middle.length > whole.length - last.length) return false;
      from = at + middle.length;
    }
    return true;
  };
}

function unsupported(text: string): BigQueryError {
  return new BigQueryError('badRequest', `The project filter '${text}' is not supported by the local BigQuery.`);
}
