// A destination's shape as documentation: what the CLI prints and a form would show.
import type { DestinationInfo, FieldInfo } from '../destination.ts';
import type { DestinationShape, InputField } from '../segment/definition.ts';

export function describeShape(shape: DestinationShape): DestinationInfo {
  return {
    type: shape.slug,
    name: shape.name,
    description: shape.description ?? '',
    settings: fieldInfos(shape.authentication?.fields ?? {}),
    actions: Object.entries(shape.actions).map(([key, action]) => ({
      key,
      title: action.title,
      description: action.description,
      fields: fieldInfos(action.fields),
    })),
  };
}

function fieldInfos(fields: Readonly<Record<string, InputField>>): FieldInfo[] {
  return Object.entries(fields).map(([name, field]) => ({
    name,
    label: field.label,
    description: field.description ?? '',
    type: field.multiple === true ? `${field.type}[]` : field.type,
    required: field.required === true,
    ...(field.default === undefined ? {} : { default: field.default }),
  }));
}
