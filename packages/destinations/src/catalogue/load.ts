// Loads single definitions of `@segment/action-destinations` (MIT licence). Loading the
// whole package costs over a second and 100 MB, one definition some milliseconds.
import { createRequire } from 'node:module';
import type { DestinationDefinition } from '@sluice/destination-kit';

const require = createRequire(import.meta.url);

/** The directory is not the slug; see the manifest of the package. */
export function loadDefinition(directory: string): DestinationDefinition {
  const module = require(`@segment/action-destinations/dist/destinations/${directory}/index.js`) as {
    readonly default: DestinationDefinition;
  };
  return module.default;
}
