// The SFTP destination for the registry.
import type { DestinationEntry } from '../entry.ts';
import { openParts, partsColumns, partsProblems } from '../object-store/parts-action.ts';
import { sftpShape } from './shape.ts';
import { SftpStore, sftpSettingProblems, sftpSettings, testSftp } from './store.ts';

export const sftpEntry: DestinationEntry = {
  type: sftpShape.slug,
  name: sftpShape.name,
  origin: 'native',
  shape: () => sftpShape,
  checkConnection: sftpSettingProblems,
  check: partsProblems,
  columns: (spec) => partsColumns(sftpShape, spec),
  open: async (spec) => openParts(sftpShape, spec, new SftpStore(sftpSettings(spec))),
  testAuthentication: (spec) => testSftp(spec),
};
