// Makes the audience of a mapping at the vendor, once; its id then stands in sluice.yaml.
import { AppError } from '@sluice/core';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { withMapping } from './mapping-session.ts';
import { answer } from './session.ts';
import type { GlobalOptions } from './session.ts';

/** `{ mapping, audience, externalId }`. */
export function createAudienceCommand(io: Io, name: string, options: GlobalOptions): Promise<ExitCode> {
  return withMapping(io, name, options, async ({ session, mapping, project, registry }) => {
    const { name: _, ...destination } = mapping.destination;
    const { audience } = destination;
    if (audience === undefined || audience.externalId !== undefined) {
      throw new AppError(
        audience === undefined
          ? `mapping "${name}" keeps no audience`
          : `the audience of mapping "${name}" has an id already`,
        {
          code: audience === undefined ? 'NO_AUDIENCE' : 'AUDIENCE_EXISTS',
          kind: 'invalid',
          where: project.placeOf(['mappings', name, 'audience']),
          fix:
            audience === undefined
              ? 'Set audience: { key: NAME }.'
              : 'Remove audience.external_id to make another one.',
        },
      );
    }
    const spec = { ...destination, mappingId: mapping.id, syncId: 'create-audience' };
    const made = await registry.createAudience(spec, { signal: io.signal });
    if (made.kind === 'failed') {
      throw new AppError(`the audience was not created: ${made.message} (${made.code})`, {
        code: 'AUDIENCE_FAILED',
        kind: 'unavailable',
        origin: 'destination',
        fix: 'Look at the settings and audience.settings; an audience that exists can be named by audience.external_id.',
      });
    }
    const { externalId } = made;
    answer(session, { mapping: name, audience: audience.key, externalId }, () => [
      `${session.style.good('✓')} The audience "${audience.key}" exists. Set in sluice.yaml:`,
      '',
      `mappings.${name}.audience.external_id: ${JSON.stringify(externalId)}`,
    ]);
    return EXIT.ok;
  });
}
