// The main job from end to end, on real data, in the order in which a team would do it:
// project, data, service account, key, test connection, a model that may not be read yet,
// sharing, first sync, changes, second sync, nothing, and a last look at both ends.
import path from 'node:path';
import type { Style } from '../views/style.ts';
import type { CommandContext } from './command.ts';
import { createSource, shareData } from './source.ts';
import type { DemoSync, Steps } from './steps.ts';
import { syncChanges } from './syncs.ts';
import { openWarehouse } from './warehouse.ts';

/** Cells by which the lines under a step are indented. */
const indent = 6;

export type WalkOptions = {
  /** Empty folder for the server's data and the project. */
  readonly directory: string;
  /** Folder of the data files of vega-datasets. */
  readonly data: string;
  readonly steps: Steps;
  readonly syncs: DemoSync[];
  readonly command: Omit<CommandContext, 'projectDirectory'>;
  readonly style: Style;
};

/** Gives the URL that the local BigQuery had. Throws at the first step that is not as expected. */
export async function walk({ directory, data, steps, syncs, command, style }: WalkOptions): Promise<string> {
  await using stack = new AsyncDisposableStack();
  const context: CommandContext = { ...command, projectDirectory: path.join(directory, 'project') };
  const dataDir = path.join(directory, 'bigquery');
  const warehouse = await openWarehouse({ dataDir, data, steps, context, stack });
  const chapter = { warehouse, steps, context, style, width: command.columns - indent };
  const email = await createSource(chapter);
  await shareData(chapter, email);
  await syncChanges(chapter, syncs);
  return warehouse.url;
}
