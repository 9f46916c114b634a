// Limits of the catalogue's webhook that a configuration must respect.
import type { DestinationDefinition, DestinationSpec, Diagnostic } from '@sluice/destination-kit';
import { batchPolicyOf, error, withLiteralDefaults } from '@sluice/destination-kit';

/**
 * The catalogue's webhook signs the first row of a batch and not the body that it sends,
 * so a receiver that checks the signature refuses every batch of more than one row, and
 * one that does not check it is told that rows are signed which are not.
 */
export function checkWebhook(spec: DestinationSpec, definition: DestinationDefinition): readonly Diagnostic[] {
  const action = definition.actions[spec.action];
  const secret = spec.settings['sharedSecret'];
  if (action === undefined || secret === undefined || secret === null || secret === '') return [];
  if (batchPolicyOf(action, withLiteralDefaults(action, spec.fields)).maxRows === 1) return [];
  return [
    error(
      'settings.sharedSecret',
      'with a shared secret, rows cannot be sent in batches: the signature would cover only the first row of each',
      'remove sharedSecret, or send single rows (enable_batching: false)',
    ),
  ];
}
