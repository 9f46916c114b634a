// What the SFTP destination takes.
import type { DestinationShape } from '@sluice/destination-kit';
import { partsAction } from '../object-store/parts-action.ts';

export const sftpShape: DestinationShape = {
  name: 'SFTP',
  slug: 'sftp',
  description: "Writes the changes of each sync as files on a server's disk: newline-delimited JSON, CSV or Parquet.",
  authentication: {
    scheme: 'custom',
    testAuthentication: true,
    fields: {
      host: { label: 'Host', description: 'Name or address of the server.', type: 'string', required: true },
      port: { label: 'Port', type: 'integer', default: 22, minimum: 1, maximum: 65_535 },
      user: { label: 'User', description: 'Who signs in.', type: 'string', required: true },
      password: { label: 'Password', description: 'Or a private key.', type: 'password' },
      private_key: {
        label: 'Private key',
        description: 'In the format of OpenSSH or PEM, instead of a password.',
        type: 'password',
      },
      passphrase: { label: 'Passphrase', description: 'Of the private key, where it has one.', type: 'password' },
      host_key_fingerprint: {
        label: "Fingerprint of the server's key",
        description:
          'SHA256:…, as `ssh-keyscan HOST | ssh-keygen -lf -` prints it. Another key ends the connection before anything is sent.',
        type: 'string',
      },
      accept_unknown_host_key: {
        label: 'Accept any key of the server',
        description: 'Without a fingerprint nobody can tell the server from an impostor. Only for tests.',
        type: 'boolean',
        default: false,
      },
      directory: {
        label: 'Directory',
        description: "An existing directory that the keys start from. Default: the user's own.",
        type: 'string',
        default: '.',
      },
    },
  },
  actions: { write: partsAction },
};
